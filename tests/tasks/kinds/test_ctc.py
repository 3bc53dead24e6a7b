"""CTC: targets and what is lost of them, losses, transcripts and their scores."""

import jiwer
import numpy as np
import pytest
import torch

from tests.tasks.speech.saying import saying
from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError
from zoo.tasks.build import build_task, head_class
from zoo.tasks.speech.features import output_lengths
from zoo.tasks.targets import said_left_out


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
    assert batch["lost"] == {"dropped": 0, "unaligned": 1, "unspelled": 0}
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
    assert task.left_out == {"dropped": 8}
    assert said_left_out(task) == ["8 train rows are left out: dropped (task.max_seconds)"]


def test_where_lengths_are_not_known_clips_outside_the_limits_are_no_targets(
    make_recipe, make_source, make_batch
):
    task = build_task(make_recipe("ctc", {"max_seconds": 1.15}), make_source("ctc"))
    rows = task.rows(make_source("ctc").train)  # of 1.0, 1.1, 1.2 seconds
    trained, scored = (make_batch(task, rows, 3, training=training) for training in (True, False))
    assert trained["labels"]["aligned"].tolist() == [1.0, 1.0, 0.0]
    assert trained["lost"] == {"dropped": 1, "unaligned": 0, "unspelled": 0}
    assert scored["labels"]["aligned"].tolist() == [1.0, 1.0, 1.0]


def test_a_range_that_keeps_nearly_no_clip_is_refused(make_recipe, make_source, monkeypatch):
    source = make_source("ctc")
    seconds = np.arange(len(source.train)) + 1.0
    monkeypatch.setattr(type(source.train), "lengths", lambda self: seconds)
    task = build_task(make_recipe("ctc", {"max_seconds": 1.5}), source)
    with pytest.raises(
        ConfigError, match=r"0 to 1\.5 seconds, which keep 1 of 14 clips of 1 to 14"
    ):
        task.rows(source.train)


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
        rng = np.random.default_rng(seed)
        batch = task.collate([task.example(row, rng, training) | {"weight": 1.0}], rng, training)
        return task.on_device(batch["inputs"])["input_features"]

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
