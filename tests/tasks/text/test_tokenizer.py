import pytest
from transformers import AutoTokenizer

from zoo.errors import ConfigError
from zoo.tasks.text.encoding import encoder
from zoo.tasks.text.tokenizer import build_tokenizer, framer, same_tokens, tokenizer_fingerprint
from zoo.tasks.text.vocabulary import (
    CAUSAL,
    CTC,
    ENCODER,
    byte_tokenizer,
    character_tokenizer,
    trained_tokenizer,
)

TEXTS = ["The quick brown fox\n\tjumps, over 13 dogs.", "Hello hello, caf\u00e9!"] * 5
SAMPLES = [*TEXTS[:2], "  two  spaces", "unseen \u2603 snow", ""]
MADE = {
    "bytes": lambda specials: byte_tokenizer(specials),
    "characters": lambda specials: character_tokenizer(TEXTS, specials),
    **{
        kind: lambda specials, kind=kind: trained_tokenizer(kind, TEXTS, 330, False, specials)
        for kind in ("bpe", "wordpiece", "unigram")
    },
}


@pytest.mark.parametrize("specials", [{}, CAUSAL, ENCODER, CTC], ids=["none", "lm", "bert", "ctc"])
@pytest.mark.parametrize("kind", MADE)
def test_a_saved_tokenizer_gives_the_same_ids_and_texts(kind, specials, tmp_path):
    tokenizer = MADE[kind](specials)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert len(again) == len(tokenizer)
    for text in SAMPLES:
        ids = tokenizer(text)["input_ids"]
        assert again(text)["input_ids"] == ids
        assert again.decode(ids) == tokenizer.decode(ids)
    assert again.all_special_ids == tokenizer.all_special_ids


def test_bytes_are_their_own_ids():
    tokenizer = byte_tokenizer({})
    assert len(tokenizer) == 256
    for text in SAMPLES:
        assert encoder(tokenizer)(text) == list(text.encode())
        assert tokenizer.decode(list(text.encode())) == text


def test_special_tokens_come_after_the_bytes():
    assert byte_tokenizer(CAUSAL).eos_token_id == 256


def test_characters_count_in_code_point_order_and_know_an_unknown_one():
    tokenizer = character_tokenizer(["cab", "b\n"], {})
    assert encoder(tokenizer)("\nabc\u2603") == [0, 1, 2, 3, tokenizer.unk_token_id]
    assert len(tokenizer) == 5


def test_ctc_characters_leave_unknown_ones_out_and_end_with_the_blank():
    tokenizer = character_tokenizer(["ab c"], CTC)
    assert encoder(tokenizer)("a\u2603 b") == [1, 0, 2]
    assert tokenizer.pad_token_id == len(tokenizer) - 1 == 4


@pytest.mark.parametrize("kind", MADE)
def test_ctc_decoding_collapses_repeats_but_not_over_a_blank(kind):
    tokenizer = MADE[kind](CTC)
    word = encoder(tokenizer)("hello")
    frames = [id_ for one in word for id_ in (one, one, tokenizer.pad_token_id)]
    assert tokenizer.pad_token_id == len(tokenizer) - 1
    assert tokenizer.decode(frames).strip() == "hello"


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_a_trained_vocabulary_has_its_special_tokens_first(kind):
    tokenizer = MADE[kind](ENCODER)
    assert tokenizer.convert_ids_to_tokens(range(5)) == list(ENCODER.values())
    assert len(tokenizer) <= 330


def test_lowercase_folds_words_together():
    tokenizer = trained_tokenizer("wordpiece", TEXTS, 200, True, ENCODER)
    assert encoder(tokenizer)("HELLO") == encoder(tokenizer)("hello")


def test_a_byte_level_vocabulary_gives_every_text_back():
    tokenizer = MADE["bpe"](CAUSAL)
    for text in SAMPLES:
        assert tokenizer.decode(encoder(tokenizer)(text)) == text


def test_frames_are_what_the_tokenizer_itself_gives():
    tokenizer = MADE["wordpiece"](ENCODER)
    frame = framer(tokenizer, 9)
    for text, second in [("quick brown", None), ("The quick brown fox jumps", "over 13 dogs.")]:
        wanted = tokenizer(text, second, truncation=True, max_length=9)
        assert frame(text, second) == (wanted["input_ids"], wanted["token_type_ids"])


def test_training_texts_are_read_for_one_making_only(make_recipe):
    recipe = make_recipe("masked-lm")
    reads = []

    def texts():
        reads.append(1)
        return iter(TEXTS)

    first = build_tokenizer(recipe, texts, "f", ENCODER)
    once = list(reads)
    second = build_tokenizer(recipe, texts, "f", ENCODER)
    assert reads == once
    assert first("quick")["input_ids"] == second("quick")["input_ids"]
    build_tokenizer(recipe, texts, "another", ENCODER)
    assert reads == 2 * once


def test_a_tokenizer_that_is_not_found_is_a_fault_of_its_key(make_recipe, tmp_path):
    recipe = make_recipe("masked-lm", tokenizer=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError) as caught:
        build_tokenizer(recipe, lambda: iter(TEXTS), "f", ENCODER)
    assert [fault.key for fault in caught.value.faults] == ["model.tokenizer"]
    assert "nowhere" in caught.value.faults[0].found


def test_a_model_without_name_needs_a_tokenizer(make_recipe):
    with pytest.raises(ConfigError, match=r"model\.tokenizer: found nothing"):
        build_tokenizer(make_recipe("masked-lm", tokenizer=None), lambda: iter(()), "f", ENCODER)


def test_a_vocabulary_smaller_than_its_alphabet_is_a_fault(make_recipe):
    recipe = make_recipe("masked-lm", tokenizer={"train": "bpe", "vocab_size": 100})
    with pytest.raises(ConfigError, match=r"vocab_size: found 100; allowed: at least 261"):
        build_tokenizer(recipe, lambda: iter(TEXTS), "f", ENCODER)


def test_truncation_and_padding_of_a_tokenizers_file_never_act(tmp_path):
    plain = MADE["wordpiece"](ENCODER)
    plain.save_pretrained(tmp_path)
    stored = AutoTokenizer.from_pretrained(tmp_path)
    stored.backend_tokenizer.enable_truncation(4)
    stored.backend_tokenizer.enable_padding(length=16, pad_token="[PAD]")
    stored.save_pretrained(tmp_path)
    stored = AutoTokenizer.from_pretrained(tmp_path)
    assert len(stored.backend_tokenizer.encode("the quick brown fox jumps").ids) == 16  # they would
    for text in ("the fox", "the quick brown fox jumps over 13 dogs"):
        assert encoder(stored)(text) == plain(text, add_special_tokens=False).input_ids
        assert framer(stored, 32)(text, None)[0] == plain(text).input_ids
    assert tokenizer_fingerprint(stored) == tokenizer_fingerprint(plain)


@pytest.mark.parametrize("kind", ["characters", "bpe", "wordpiece"])
@pytest.mark.parametrize("specials", [ENCODER, CTC], ids=["bert", "ctc"])
def test_the_same_texts_make_the_same_tokenizer(kind, specials):
    made = {tokenizer_fingerprint(MADE[kind](specials)) for _ in range(3)}
    assert len(made) == 1


def test_letters_that_go_on_with_a_word_are_ordinary_tokens():
    tokenizer = MADE["wordpiece"](ENCODER)
    assert set(tokenizer.all_special_tokens) == set(ENCODER.values())
    inside = [t for t in tokenizer.get_vocab() if t.startswith("##") and len(t) == 3]
    letters = {"##" + one for text in TEXTS for word in text.split() for one in word[1:]}
    assert sorted(inside) == sorted(t for t in letters if t[2].isalnum())
    assert tokenizer.decode(encoder(tokenizer)("jumps")) == "jumps"


def test_tokens_are_the_same_where_the_checkpoints_have_their_ids(make_recipe, tmp_path):
    folders = {name: tmp_path / name for name in ("ab", "abc", "b", "none")}
    for name in ("ab", "abc", "b"):
        character_tokenizer([name], CAUSAL).save_pretrained(folders[name])
    ours = character_tokenizer(["ab"], CAUSAL)
    ours.add_tokens(["<new>"])
    recipe = make_recipe("causal-lm", tokenizer=str(folders["ab"]))
    answers = {name: same_tokens(recipe, ours, str(folder)) for name, folder in folders.items()}
    assert answers == {"ab": True, "abc": False, "b": False, "none": True}
    anew = make_recipe("causal-lm", tokenizer="characters")
    assert not same_tokens(anew, ours, str(folders["none"]))
    assert same_tokens(anew, ours, str(folders["ab"]))
