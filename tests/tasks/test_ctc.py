"""CTC: targets and what is lost of them, losses, transcripts and their scores."""

import json

import jiwer
import numpy as np
import pytest
import torch
from transformers import Wav2Vec2CTCTokenizer

from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError
from zoo.tasks.build import build_task, head_class
from zoo.tasks.speech.features import output_lengths
from zoo.tasks.speech.transcripts import Normal


def saying(task, texts, frames):
    """Logits whose best path spells the texts, each letter on two frames and a blank."""
    logits = torch.zeros(len(texts), frames, task.config.vocab_size)
    logits[..., task.spelling.blank] = 5.0
    for line, text in zip(logits, texts, strict=True):
        for place, token in enumerate(task.spelling.encode(text)):
            line[3 * place : 3 * place + 2, token] = 9.0
    return logits


@pytest.fixture
def task(make_recipe, make_source):
    return build_task(make_recipe("ctc"), make_source("ctc"))


@pytest.fixture
def rows(make_source):
    return make_source("ctc").train


def test_the_blank_is_the_last_id_of_the_configuration(task):
    assert task.config.pad_token_id == task.spelling.blank == task.config.vocab_size - 1
    assert task.config.encoder_config.num_mel_bins == 8


def test_error_rates_are_jiwers(task, make_batch, make_source):
    wanted = ["the quick fox", "jumps", "hello hello", "a b"]
    said = ["the quik fox", "jumps", "helo hello o", ""]
    rows = [{**make_source("ctc").train[8], "transcript": text} for text in wanted]
    batch = make_batch(task, rows)
    batch["labels"]["frames"][:] = 60
    scores = task.score(task.tally({"logits": saying(task, said, 60)}, batch))
    assert scores["wer"] == pytest.approx(jiwer.wer(wanted, said))
    assert scores["cer"] == pytest.approx(jiwer.cer(wanted, said))
    assert scores["exact"] == 0.25


def test_double_letters_survive_decoding(task):
    logits = saying(task, ["fuzzy box"], 40)
    assert task.spelling.transcribe(logits, torch.tensor([40])) == ["fuzzy box"]


def test_frames_of_padding_are_not_decoded(task):
    logits = saying(task, ["fox jumps"], 40)
    assert task.spelling.transcribe(logits, torch.tensor([9])) == ["fox"]


def test_the_loss_is_the_models_own(task, rows, make_batch):
    batch = make_batch(task, rows, 3)
    torch.manual_seed(0)
    model = head_class("ctc").from_config(task.config).eval()
    model.config.ctc_loss_reduction = "sum"
    labels = batch["labels"]
    targets = labels["targets"].clone()
    targets[torch.arange(targets.shape[1]) >= labels["target_lengths"][:, None]] = -100
    own = model(**batch["inputs"], labels=targets)
    torch.testing.assert_close(task.loss(own, batch), own.loss)
    assert batch["count"] == labels["target_lengths"].sum() == len("thequickbrown")


def test_frames_are_those_of_the_input_mask(task, rows, make_batch):
    batch = make_batch(task, rows)
    lengths = batch["inputs"]["attention_mask"].sum(-1)
    assert torch.equal(batch["labels"]["frames"], output_lengths(task.config, lengths))


def test_a_clip_too_short_for_its_transcript_is_scored_but_no_target(task, make_batch):
    audio = np.random.default_rng(0).standard_normal(1600).astype(np.float32)
    rows = [{"audio": audio, "sampling_rate": 8000, "transcript": "the lazy dog"}]
    batch = make_batch(task, rows, 1)
    logits = torch.randn(1, int(batch["labels"]["frames"][0]), task.config.vocab_size)
    tally = task.tally({"logits": logits}, batch)
    assert batch["count"] == 0
    assert {name: float(batch["lost"][name]) for name in task.lost} == {
        "unaligned": 1.0,
        "unspelled": 0.0,
    }
    assert (tally["loss"], tally["words"]) == (0.0, 3.0)


def test_repeated_letters_need_a_frame_between_them(task, make_batch):
    clip = np.random.default_rng(0).standard_normal(80 * 4 * 5).astype(np.float32)
    rows = [
        {"audio": clip, "sampling_rate": 8000, "transcript": text} for text in ("abcde", "aabcd")
    ]
    batch = make_batch(task, rows, 2)
    assert batch["labels"]["frames"].tolist() == [5, 5]
    assert batch["labels"]["aligned"].tolist() == [1.0, 0.0]


def test_a_clip_without_frames_is_corrupt(task):
    row = {"audio": np.zeros(100, np.float32), "sampling_rate": 8000, "transcript": "a"}
    with pytest.raises(CorruptExample, match="100 samples"):
        task.example(row, np.random.default_rng(0), False)


def test_transcripts_are_changed_before_vocabulary_and_scoring(
    make_recipe, make_source, make_batch
):
    clip = make_source("ctc").train[0]
    rows = [{**clip, "transcript": "Hi,  THERE!"}]
    recipe = make_recipe("ctc", {"lowercase": True, "remove_characters": ",!"})
    task = build_task(recipe, make_source("ctc", rows))
    assert set(task.tokenizer.get_vocab()) == {*"hi there", "<pad>"}
    text = make_batch(task, rows, 1)["labels"]["text"][0]
    assert bytes(text.numpy()).decode() == "hi there"


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("Cafe\u0301", "caf\u00e9"),
        ("don\u2019t \uff07tis o\u02bcclock", "don't 'tis o'clock"),
        ("\u00dcTA\u0301u\u0308T", "t\u00e1t"),
        ("HI,  There!", "hi there"),
    ],
)
def test_the_same_words_typed_in_several_ways_are_learned_as_one(said, learned, make_recipe):
    spec = make_recipe("ctc", {"lowercase": True, "remove_characters": ",!U\u0308"}).task
    assert Normal(spec)(said) == learned


def test_what_is_decoded_is_compared_in_the_same_form(make_recipe, make_source, make_batch):
    rows = [{**make_source("ctc").train[8], "transcript": "don\u2019t"}]
    task = build_task(make_recipe("ctc"), make_source("ctc", rows))
    batch = make_batch(task, rows, 1)
    batch["labels"]["frames"][:] = 30
    scores = task.score(task.tally({"logits": saying(task, ["don't"], 30)}, batch))
    assert (scores["wer"], scores["exact"]) == (0.0, 1.0)


def vocabulary(folder, letters):
    """The tokenizer of a wav2vec2 checkpoint with these letters."""
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    (folder / "vocab.json").write_text(json.dumps({c: i for i, c in enumerate(names)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder / "saved")
    return str(folder / "saved")


def test_a_vocabulary_of_another_apostrophe_spells_it(make_recipe, make_source, tmp_path):
    tokenizer = vocabulary(tmp_path, "dont\u2019")
    task = build_task(make_recipe("ctc", tokenizer=tokenizer), make_source("ctc"))
    text = task.normal("don\u2019t")
    assert task.spelling.share(text) == 1.0
    assert len(task.spelling.targets(text)) == 5


UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"


@pytest.mark.parametrize(
    ("letters", "said", "unspelled", "count"),
    [
        (UPPER, "THE LAZY DOG", 0, 12),
        (UPPER, "THE LAZY DOG.", 1, 12),
        (UPPER, "the lazy dog", 1, 0),
        (UPPER, "THE lazy dog", 1, 0),
        (UPPER, "", 1, 0),
        ("", "the lazy dog", 0, 12),
        ("", "the lazy DOG", 1, 9),
    ],
)
def test_what_the_vocabulary_cannot_spell_is_counted(
    letters, said, unspelled, count, make_recipe, make_source, make_batch, tmp_path
):
    tokenizer = vocabulary(tmp_path, letters) if letters else "characters"
    row = {**make_source("ctc").train[8], "transcript": said}
    task = build_task(
        make_recipe("ctc", tokenizer=tokenizer),
        make_source("ctc", [{**row, "transcript": "the lazy dog"}]),
    )
    batch = make_batch(task, [row, row], 2, padding=1)
    lost = {name: float(batch["lost"][name]) for name in task.lost}
    assert lost == {"unaligned": 0, "unspelled": unspelled}
    assert float(batch["count"]) == count


def test_an_alphabet_has_the_letters_of_every_transcript(make_recipe, make_source):
    clip = make_source("ctc").train[0]
    said = ["abc"] * 40_001
    said[777] = "xyz"
    rows = [{**clip, "transcript": text} for text in said]
    task = build_task(make_recipe("ctc"), make_source("ctc", rows))
    assert set(task.tokenizer.get_vocab()) == {*"abcxyz", "<pad>"}


def test_training_clips_outside_the_limits_are_dropped_and_counted(
    make_recipe, make_source, monkeypatch
):
    source = make_source("ctc")
    seconds = np.array([1 + 0.1 * i for i in range(len(source.train))])
    seconds[3] = np.nan
    monkeypatch.setattr(type(source.train), "lengths", lambda self: seconds)
    task = build_task(make_recipe("ctc", {"min_seconds": 1.15, "max_seconds": 1.75}), source)
    kept = task.rows(source.train)
    assert [row["transcript"] for row in kept] == ["brown", "fox", "jumps", "over", "the", "lazy"]
    assert task.left_out == {"dropped": len(source.train) - 6}


def test_other_sets_are_not_cut(make_recipe, make_source):
    task = build_task(make_recipe("ctc", {"max_seconds": 0.5}), make_source("ctc"))
    other = make_source("ctc", [make_source("ctc").train[0]]).train
    assert task.rows(other) is other


def test_masks_come_from_the_examples_generator(make_recipe, make_source):
    plan = {"freq_masks": 1, "freq_width": 4, "time_masks": 1, "time_width": 10}
    recipe = make_recipe("ctc", {"augment": {"spec_augment": plan}})
    task = build_task(recipe, make_source("ctc"))
    row = make_source("ctc").train[0]

    def features(seed, training):
        return task.example(row, np.random.default_rng(seed), training)["features"]

    assert torch.equal(features(1, True), features(1, True))
    assert not torch.equal(features(1, True), features(2, True))
    assert torch.equal(features(1, False), features(2, False))


def test_waveform_models_take_no_spectrogram_masks(make_recipe, make_source):
    recipe = make_recipe(
        "ctc",
        {"augment": {"spec_augment": {"time_masks": 1}}},
        config={"model_type": "wav2vec2"},
        processor={"sampling_rate": 8000},
    )
    with pytest.raises(ConfigError, match=r"task\.augment\.spec_augment: found on"):
        build_task(recipe, make_source("ctc"))


def test_a_tokenizer_that_decodes_no_ctc_is_a_fault(make_recipe, make_source, tmp_path):
    from zoo.tasks.text.vocabulary import ENCODER, byte_tokenizer

    byte_tokenizer(ENCODER).save_pretrained(tmp_path / "bytes")
    recipe = make_recipe("ctc", tokenizer=str(tmp_path / "bytes"))
    with pytest.raises(ConfigError, match="decodes no CTC"):
        build_task(recipe, make_source("ctc"))


@pytest.mark.parametrize("tokenizer", ["bytes", {"train": "bpe", "vocab_size": 40}])
def test_other_vocabularies_spell_the_same_words(tokenizer, make_recipe, make_source):
    task = build_task(make_recipe("ctc", tokenizer=tokenizer), make_source("ctc"))
    text = "the lazy wizards"
    assert task.spelling.transcribe(saying(task, [text], 60), torch.tensor([60])) == [text]
    assert task.spelling.blank == task.config.vocab_size - 1


@pytest.mark.parametrize("family", ["wav2vec2", "parakeet"])
def test_tokenizers_of_ctc_models_are_taken_by_name(family, make_recipe, make_source, tmp_path):
    from tokenizers import decoders
    from transformers import ParakeetTokenizer

    if family == "wav2vec2":
        letters = vocabulary(tmp_path, "abcdefghijklmnopqrstuvwxyz")
        tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(letters)
    else:
        made = build_task(make_recipe("ctc"), make_source("ctc")).tokenizer.backend_tokenizer
        made.decoder = decoders.Fuse()
        tokenizer = ParakeetTokenizer(tokenizer_object=made, pad_token="<pad>", unk_token=None)
    tokenizer.save_pretrained(tmp_path / "saved")
    recipe = make_recipe("ctc", tokenizer=str(tmp_path / "saved"))
    task = build_task(recipe, make_source("ctc"))
    assert type(task.tokenizer) is type(tokenizer)
    assert task.config.pad_token_id == tokenizer.pad_token_id
    text = "hello lazy fox"
    assert task.spelling.transcribe(saying(task, [text], 60), torch.tensor([60])) == [text]
