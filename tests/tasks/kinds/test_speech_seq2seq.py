"""Whisper: what it hears and reads, in which language, what is lost, and how it is scored."""

import json
from typing import Any

import jiwer
import numpy as np
import pytest
import torch
from transformers import AutoModelForSpeechSeq2Seq, GenerationConfig, WhisperTokenizer
from transformers.models.whisper.english_normalizer import (
    BasicTextNormalizer,
    EnglishTextNormalizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from tests.tasks.conftest import WHISPER
from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.targets import said_left_out
from zoo.tasks.task import IGNORE
from zoo.tasks.text.vocabulary import byte_tokenizer

KIND = "speech-seq2seq"
RATE = 8000
SPECIALS = [
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    *("<|translate|>", "<|transcribe|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
]


@pytest.fixture
def made(make_recipe: Any, make_source: Any) -> Any:
    """made(task keys, **model keys): a task and its rows."""

    def make(task: dict[str, Any] | None = None, rows: Any = None, **model: Any) -> Any:
        source = make_source(KIND, rows)
        return build_task(make_recipe(KIND, task, **model), source), source.train

    return make


@pytest.fixture
def polyglot(tmp_path: Any) -> Any:
    """A folder with a tokenizer of many languages, as Whisper's: bytes and its special tokens."""
    inner = byte_tokenizer({"eos_token": "<|endoftext|>"}).get_vocab()
    tokenizer = WhisperTokenizer(vocab=inner, merges=[], pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIALS})
    tokenizer.save_pretrained(tmp_path / "polyglot")
    return str(tmp_path / "polyglot")


def model_of(task: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForSpeechSeq2Seq.from_config(task.config).eval()


def clip(seconds: float, transcript: str) -> dict[str, Any]:
    audio = np.random.default_rng(1).standard_normal(int(seconds * RATE)).astype(np.float32)
    return {"audio": audio, "sampling_rate": RATE, "transcript": transcript}


def test_loss_and_logits_are_transformers_own_with_labels(made: Any, make_batch: Any) -> None:
    task, rows = made()
    batch, model = make_batch(task, rows), model_of(task)
    own = model(**batch["inputs"])
    features = batch["inputs"]["input_features"]
    theirs = model(input_features=features, labels=batch["labels"]["labels"])
    # transformers pads what the decoder reads with its pad token too
    assert torch.equal(own.logits, theirs.logits)
    mean = task.loss(own, batch) / batch["count"]
    torch.testing.assert_close(mean.float(), theirs.loss)


def test_every_clip_fills_the_window_as_the_extractor_fills_it(made: Any, make_batch: Any) -> None:
    task, rows = made()
    features = make_batch(task, rows)["inputs"]["input_features"]
    assert features.shape == (4, 8, 150)
    assert task.config.max_source_positions == 75
    clips = [rows[index]["audio"] for index in range(4)]
    theirs = task.extractor(clips, sampling_rate=RATE, return_tensors="pt")["input_features"]
    torch.testing.assert_close(features, theirs, atol=1e-5, rtol=0)


def test_masks_hide_only_frames_of_the_clip_and_are_the_same_for_the_same_draws(
    made: Any, make_batch: Any
) -> None:
    masks = {"time_masks": 3, "time_width": 20, "freq_masks": 1, "freq_width": 3}
    task, rows = made({"augment": {"spec_augment": masks}})
    np.random.seed(0)
    one = make_batch(task, rows, training=True)["inputs"]["input_features"]
    np.random.seed(7)  # numpy's global generator has no part in it
    two = make_batch(task, rows, training=True)["inputs"]["input_features"]
    plain = make_batch(task, rows)["inputs"]["input_features"]
    assert torch.equal(one, two) and not torch.equal(one, plain)
    frames = -(-len(rows[0]["audio"]) // 160)
    assert torch.equal(one[0, :, frames:], plain[0, :, frames:])


def test_clips_beyond_the_window_are_left_out_of_training_and_counted(
    made: Any, make_batch: Any
) -> None:
    task, rows = made(rows=[clip(1, "fox"), clip(3.5, "dog")])
    trained = make_batch(task, rows, 2, training=True)
    scored = make_batch(task, rows, 2)
    assert trained["lost"] == scored["lost"] == {"dropped": 1.0, "overlong": 0.0}
    assert (trained["labels"]["labels"][1] == IGNORE).all() and scored["count"] == 8
    assert bytes(trained["labels"]["text"][1].tolist()).decode() == "dog"


def test_known_lengths_leave_rows_out_before_anything_is_read(
    made: Any, make_source: Any, monkeypatch: Any
) -> None:
    task, _ = made()
    rows = make_source(KIND).train
    monkeypatch.setattr(type(rows), "lengths", lambda self: np.array([1.0, 4.0] * 7))
    kept = task.rows(rows)
    assert len(kept) == len(rows) // 2
    assert said_left_out(task) == [
        f"{len(rows) - len(kept)} train rows are left out: dropped (model.processor.chunk_length)"
    ]


def test_a_transcript_beyond_the_positions_is_no_target_but_scored(
    made: Any, make_batch: Any
) -> None:
    task, rows = made(rows=[clip(1, "abcdefghijklm"), clip(1, "abcdefghijklmn")])
    batch = make_batch(task, rows, 2)
    assert batch["lost"] == {"dropped": 0.0, "overlong": 1.0}
    assert batch["count"] == 14 == len("abcdefghijklm") + 1
    assert (batch["labels"]["labels"][1] == IGNORE).all()


NORMAL = {"basic": BasicTextNormalizer(), "english": EnglishTextNormalizer({}), "none": str}


@pytest.mark.parametrize("name", NORMAL)
def test_error_rates_are_jiwers_after_transformers_normalizer(
    made: Any, make_batch: Any, name: str
) -> None:
    wanted = ["The quick, fox", "isn't it?", "Twenty two", "ok"]
    said = ["the quik fox", "is not it", "22", "ok go"]
    model = {"config": {**WHISPER, "max_target_positions": 20}}
    task, rows = made({"normalizer": name}, [clip(1, text) for text in [*wanted, *said]], **model)
    batch = make_batch(task, rows)
    ids = task.tokenizer(said, padding=True, return_tensors="pt")["input_ids"]
    logits = torch.zeros(4, *batch["labels"]["labels"].shape[1:], task.config.vocab_size)
    scores = task.score(task.tally({"logits": logits, "sequences": ids}, batch))
    ours, theirs = ([" ".join(NORMAL[name](t).split()) for t in texts] for texts in (said, wanted))
    assert scores["wer"] == pytest.approx(jiwer.wer(theirs, ours))
    assert scores["cer"] == pytest.approx(jiwer.cer(theirs, ours))
    assert scores["exact"] == sum(a == b for a, b in zip(ours, theirs, strict=True)) / 4


def test_texts_begin_with_the_tokens_of_language_and_task(
    made: Any, make_batch: Any, polyglot: Any, tmp_path: Any
) -> None:
    words = {"language": "Hindi", "task": "translate"}
    task, rows = made(words, tokenizer=polyglot)
    batch, model = make_batch(task, rows), model_of(task)
    first = ["<|startoftranscript|>", "<|hi|>", "<|translate|>", "<|notimestamps|>"]
    read = task.tokenizer.convert_ids_to_tokens(batch["inputs"]["decoder_input_ids"][0].tolist())
    assert read[:4] == first
    labels = batch["labels"]["labels"][0]
    assert task.tokenizer.convert_ids_to_tokens(labels[:3].tolist()) == first[1:]
    begun: list[Any] = []
    model.model.decoder.register_forward_pre_hook(
        lambda module, args, options: begun.append(options["input_ids"]), with_kwargs=True
    )
    found = task.predict(model, batch)["sequences"]
    assert task.tokenizer.convert_ids_to_tokens(begun[0][0].tolist()) == first
    task.save(tmp_path / "out")
    exported = model_of(task)
    exported.generation_config = GenerationConfig.from_pretrained(tmp_path / "out")
    features = batch["inputs"]["input_features"]
    assert torch.equal(exported.generate(features), found)


@pytest.mark.parametrize(
    "task, model, key",
    [
        ({"language": "hindi"}, {}, "task.language"),
        ({"task": "translate"}, {}, "task.task"),
        ({"generate": {"max_new_tokens": 14}}, {}, "task.generate.max_new_tokens"),
        ({}, {"config": {**WHISPER, "max_target_positions": 2}}, "max_target_positions"),
        ({}, {"config": {**WHISPER, "max_source_positions": 70}}, "max_source_positions"),
        (
            {},
            {"processor": {"sampling_rate": 8000, "hop_length": 320, "chunk_length": 3}},
            "model.processor.chunk_length",
        ),
    ],
)
def test_what_cannot_be_is_a_fault_of_its_key(made: Any, task: Any, model: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        made(task, **model)


@pytest.mark.parametrize("language", ["", "klingon"])
def test_a_model_of_many_languages_is_told_one_that_it_knows(
    made: Any, polyglot: Any, language: str
) -> None:
    with pytest.raises(ConfigError, match=r"task\.language.*english, .*, hindi"):
        made({"language": language}, tokenizer=polyglot)


def test_an_english_model_begins_without_a_language(
    made: Any, make_batch: Any, polyglot: Any, make_recipe: Any, make_source: Any, tmp_path: Any
) -> None:
    task, rows = made({"language": "en"}, tokenizer=polyglot)
    for one in (task.config, task.extractor):
        one.save_pretrained(polyglot)
    told = tmp_path / "polyglot" / "generation_config.json"
    told.write_text(json.dumps({"is_multilingual": False}))
    words = {"name": polyglot, "config": {}, "tokenizer": None, "processor": {}}
    english = build_task(make_recipe(KIND, **words), make_source(KIND))
    read = make_batch(english, rows)["inputs"]["decoder_input_ids"][0, :2].tolist()
    first = ["<|startoftranscript|>", "<|notimestamps|>"]
    assert english.tokenizer.convert_ids_to_tokens(read) == first
    assert not english.generation.is_multilingual
    with pytest.raises(ConfigError, match=r"task\.language: found en"):
        build_task(make_recipe(KIND, {"language": "en"}, **words), make_source(KIND))


def test_a_tokenizer_that_begins_otherwise_than_the_model_is_refused(
    made: Any, polyglot: Any, make_recipe: Any, make_source: Any, tmp_path: Any
) -> None:
    task, _ = made({"language": "en"}, tokenizer=polyglot)
    task.config.decoder_start_token_id = 7
    task.config.save_pretrained(polyglot)
    task.extractor.save_pretrained(polyglot)
    content = json.loads((tmp_path / "polyglot" / "config.json").read_text())
    assert content["decoder_start_token_id"] == 7
    recipe = make_recipe(
        KIND, {"language": "en"}, name=polyglot, config={}, tokenizer=None, processor={}
    )
    with pytest.raises(ConfigError, match=r"model\.name: found a tokenizer that frames texts by"):
        build_task(recipe, make_source(KIND))
