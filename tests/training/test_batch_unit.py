"""Whole runs whose batches are amounts of seconds or tokens."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.runs import SHORT, furthest, losses, rows, train_each, twin
from zoo.errors import ConfigError
from zoo.layout import Place
from zoo.recipe import load_recipe
from zoo.recipe.derived.resume import changes
from zoo.recipe.recipe import expanded
from zoo.training.checks import ring_two
from zoo.training.feeding.prepared import prepare
from zoo.training.feeding.rehearsal import rehearse
from zoo.training.world import Here

SECONDS = ("run.batch_unit=seconds", "run.batch=24", "run.micro_batch=12")
TOKENS = ("run.batch_unit=tokens", "data.sampling=random", "run.batch=512", "run.micro_batch=256")
LAYOUTS = {
    "data-2": ("parallel.zero.stage=0",),
    "zero-3": ("parallel.zero.stage=3",),
}
MODEL_RANKS = {
    "pipeline-2": ("parallel.zero.stage=0", "parallel.pipeline.stages=2"),
    "tensor-2": ("parallel.zero.stage=0", "parallel.tensor=2"),
}
WORDS = {
    "ctc": SECONDS,
    "sequence-classification": TOKENS,
    "token-classification": TOKENS,
    "sequence-to-sequence": TOKENS,
    "question-answering": TOKENS,
    "speech-seq2seq": ("run.batch_unit=seconds", "run.batch=240", "run.micro_batch=120"),
}
CUT = {kind: {**LAYOUTS, **MODEL_RANKS} for kind in ("sequence-classification", "ctc")}


def compared(kind: str, folder: Path, *words: str) -> dict[str, float]:
    """How far the losses of every layout are from one process's."""
    layouts = {name: (2, more) for name, more in CUT.get(kind, LAYOUTS).items()}
    common = [*SHORT, "run.steps=10", *words]
    train_each(twin(kind), folder, {"one": (1, ()), **layouts}, *common)
    one = losses(folder / "one")
    return {name: furthest(losses(folder / name), one) for name in layouts}


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("kind", WORDS)
def test_every_layout_gives_the_losses_of_one_process(kind: str, tmp_path: Path) -> None:
    found = compared(kind, tmp_path, *WORDS[kind])
    print(kind, found)
    assert max(found.values()) < 1e-4, found


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_a_run_goes_on_on_another_layout_with_the_same_losses(tmp_path: Path) -> None:
    words = [*SHORT, *SECONDS, "optimizer.scheduler=false"]
    train_each(twin("ctc"), tmp_path, {"whole": (1, ()), "cut": (1, ())}, *words, "run.steps=6")
    both = {"whole": (1, ()), "cut": (2, ("parallel.zero.stage=3",))}
    train_each(twin("ctc"), tmp_path, both, *words, "run.steps=12")
    assert furthest(losses(tmp_path / "cut"), losses(tmp_path / "whole")) < 1e-4


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.shared_data
def test_seconds_of_spoken_digits_have_little_padding_on_every_layout(
    shared_data: Path, tmp_path: Path
) -> None:
    data = {
        "source": "files",
        "folder": str(shared_data / "asr_fsdd"),
        "format": "metadata",
        "columns": {"transcript": "transcription"},
        "train": "train/metadata.jsonl",
        "valid": "validation/metadata.jsonl",
    }
    words = [f"data={json.dumps(data)}", *SHORT, "run.steps=40"]
    amounts = ("run.batch_unit=seconds", "run.batch=12", "run.micro_batch=6")
    layouts = {name: (2, (*amounts, *more)) for name, more in LAYOUTS.items()}
    runs = {"fixed": (1, ()), "one": (1, amounts), **layouts}
    train_each(twin("ctc"), tmp_path, runs, *words)
    share = {name: padding(tmp_path / name) for name in ("fixed", "one")}
    found = {name: furthest(losses(tmp_path / name), losses(tmp_path / "one")) for name in layouts}
    print(share, found)
    assert share["one"] < 0.7 * share["fixed"], share
    assert max(found.values()) < 1e-4, found


def padding(folder: Path) -> float:
    """The mean share of padding in a run's rows."""
    shares = [row["padding"] for row in rows(folder) if "padding" in row]
    return sum(shares) / len(shares)


def test_an_example_longer_than_a_micro_batch_is_a_fault_with_the_way_out() -> None:
    recipe = load_recipe(twin("ctc"), [*SECONDS[:1], "run.batch=4", "run.micro_batch=1"], tiny=True)
    with pytest.raises(ConfigError, match=r"run.micro_batch: found 1 seconds, which \d+ of") as one:
        prepare(recipe, ring_two(recipe, 1))
    assert "or a smaller task.max_seconds" in str(one.value)


def test_packed_text_is_counted_in_examples() -> None:
    recipe = load_recipe(twin("causal-lm"), TOKENS, tiny=True)
    with pytest.raises(ConfigError, match="found tokens, for rows that are packed"):
        prepare(recipe, ring_two(recipe, 1))


PAIRS = ("task.problem=pairs", "data.name=docstring-preferences")
BOTH = ("data.max_train_examples=100", "task.sequence_length=80")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sequence-classification", ()),
        ("sequence-classification", (*PAIRS, *BOTH)),
        ("preference", BOTH),
    ],
    ids=["texts", "pairs", "preferences"],
)
def test_tokens_of_a_micro_batch_are_those_that_the_model_gets(
    kind: str, words: tuple[str, ...]
) -> None:
    recipe = load_recipe(twin(kind), [*TOKENS, *words], tiny=True)
    checked = ring_two(recipe, 1)
    ready = prepare(recipe, checked)
    for one in ready.order.micro_batches(3):
        rng = np.random.default_rng(0)
        made = [checked.task.example(ready.train[int(row)], rng, False) for row in one.rows]
        batch = checked.task.collate([{**each, "weight": 1.0} for each in made], rng, False)
        assert batch["inputs"]["input_ids"].numel() == batch["places"][1] <= 256
        assert batch["places"][1] > 100, "a micro-batch is about full"


def test_a_run_goes_on_with_its_unit_and_micro_batch_alone() -> None:
    old = expanded(load_recipe(twin("ctc"), SECONDS, tiny=True))
    for word in ("run.micro_batch=24", "run.batch_unit=frames"):
        new = expanded(load_recipe(twin("ctc"), [*SECONDS, word], tiny=True))
        assert [one.key for one in changes(old, new).refused] == [word.partition("=")[0]]


class Short:
    """An engine on a device whose memory is short."""

    def rehearse(self, batch: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_memory_that_is_short_is_told_before_the_first_step_with_the_key_that_helps() -> None:
    recipe = load_recipe(twin("ctc"), SECONDS, tiny=True)
    checked = ring_two(recipe, 1)
    ready, here = prepare(recipe, checked), Here(Place(), torch.device("cpu"))
    with pytest.raises(ConfigError, match="found 12 seconds: the largest") as caught:
        rehearse(recipe, checked.task, ready.train, ready.order, Short(), here)  # type: ignore[arg-type]
    assert "does not fit in memory" in str(caught.value)
