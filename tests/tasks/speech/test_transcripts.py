"""Transcripts: how they are learned, spelled, decoded, and what is said of those that are not."""

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2CTCTokenizer

from tests.tasks.speech.saying import saying, vocabulary
from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.speech.transcripts import Normal
from zoo.tasks.targets import checked_targets


@pytest.fixture
def task(make_recipe, make_source):
    return build_task(make_recipe("ctc"), make_source("ctc"))


def test_double_letters_survive_decoding(task):
    logits = saying(task, ["fuzzy box"], 40)
    assert task.spelling.transcribe(logits, torch.tensor([40])) == ["fuzzy box"]


def test_frames_of_padding_are_not_decoded(task):
    logits = saying(task, ["fox jumps"], 40)
    assert task.spelling.transcribe(logits, torch.tensor([9])) == ["fox"]


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
    assert lost == {"dropped": 0, "unaligned": 0, "unspelled": unspelled}
    assert float(batch["count"]) == count


def test_an_alphabet_has_the_letters_of_every_transcript(make_recipe, make_source):
    clip = make_source("ctc").train[0]
    said = ["abc"] * 40_001
    said[777] = "xyz"
    rows = [{**clip, "transcript": text} for text in said]
    task = build_task(make_recipe("ctc"), make_source("ctc", rows))
    assert set(task.tokenizer.get_vocab()) == {*"abcxyz", "<pad>"}


def sampled(recipe, rows, make_source):
    source = make_source("ctc", rows)
    return checked_targets(recipe, build_task(recipe, source), source.train)


def test_transcripts_of_more_letters_than_frames_are_refused(make_recipe, make_source):
    said = "the quick brown fox jumps over the lazy dog and runs away from it"
    clip = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    rows = [{"audio": clip, "sampling_rate": 8000, "transcript": said}] * 16
    (fault,), _ = sampled(make_recipe("ctc"), rows, make_source)
    assert fault.found == "0 of 16 sampled train rows with a target: 16 unaligned"
    assert "less subsampling" in fault.allowed


def test_transcripts_in_the_other_case_than_the_vocabulary_are_refused(
    make_recipe, make_source, tmp_path
):
    rows = [{**make_source("ctc").train[8], "transcript": "THE LAZY DOG"}] * 8
    tokenizer = vocabulary(tmp_path, UPPER)
    (fault,), _ = sampled(
        make_recipe("ctc", {"lowercase": True}, tokenizer=tokenizer), rows, make_source
    )
    assert fault.key == "model.tokenizer"
    assert fault.found == "0 of 8 sampled train rows with a target: 8 unspelled"
    assert sampled(make_recipe("ctc", tokenizer=tokenizer), rows, make_source) == ([], [])


def test_limits_in_milliseconds_are_refused_in_the_second_ring(make_recipe, make_source):
    recipe = make_recipe("ctc", {"min_seconds": 100.0})
    (fault,), _ = sampled(recipe, [make_source("ctc").train[0]] * 8, make_source)
    assert fault.key == "task.min_seconds"
    assert fault.found == "0 of 8 sampled train rows with a target: 8 dropped"


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
