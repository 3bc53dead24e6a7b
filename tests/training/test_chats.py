"""Rows of several chats: the same losses on every layout, before and after a resume."""

import json
import shutil
from pathlib import Path

import pytest

from tests.benchmarks.parity import BAR, moment_difference, settings
from tests.data.sources.shards.making import parquet
from tests.runs import CATALOG, LAYOUTS, furthest, losses, train, train_each
from zoo.data.builtin.chats import open_chats
from zoo.data.sources.opened import Wanted

MODELS = {
    "gpt2": (CATALOG / "nlp/gpt2-small-openwebtext.json", "n_positions"),
    "llama": (CATALOG / "nlp/llama-mini-shakespeare.json", "max_position_embeddings"),
}
LENGTH = 320  # three to five chats
RESUMED = ("zero-3", "pipeline-2", "tensor-2")
CHATS = ("data.name=docstring-chats", "task.documents=masked")
ROWS = {
    "chats": CHATS,
    "texts": ("task.documents=masked",),
    "tokens": (CHATS[0], "run.batch_unit=tokens", "run.batch=2048", "run.micro_batch=512"),
    "shards": CHATS[1:],
}
"""What is learned: chats in one row, blocks of several texts, batches of tokens of chats, and chats
of streamed shards in one row.
"""


def on_chats(model: str, rows: str = "chats") -> tuple[Path, list[str]]:
    """A recipe, and the changes that make its twin learn from such rows."""
    path, positions = MODELS[model]
    room = [f"task.sequence_length={LENGTH}", f"model.config.{positions}={LENGTH}"]
    return path, [*settings(path), *ROWS[rows], "run.steps=10", *room]


def in_shards(folder: Path) -> str:
    """The word for the built-in chats in shards, which are written there."""
    for name, split, count in (("train", "train", 5), ("valid", "validation", 1)):
        rows = open_chats(split, folder / "cache", Wanted((("messages",),))).rows
        for shard in range(count):
            chats = [rows[index] for index in range(shard, min(len(rows), 400), count)]
            parquet(folder / f"{name}-{shard}.parquet", chats)
    data = {"source": "files", "folder": str(folder), "streaming": True}
    files = {name: f"{name}-*.parquet" for name in ("train", "valid")}
    return f"data={json.dumps(data | files)}"


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    ("model", "rows"),
    [
        *(("gpt2", "chats"), ("llama", "chats")),
        *(("llama", "texts"), ("llama", "tokens"), ("llama", "shards")),
    ],
)
def test_rows_of_several_have_the_losses_of_one_process_on_every_layout(
    model: str, rows: str, tmp_path: Path
) -> None:
    (path, words), one = on_chats(model, rows), tmp_path / "one"
    words = [*([in_shards(tmp_path)] if rows == "shards" else []), *words]
    layouts = {name: layout for name, layout in LAYOUTS.items() if layout[0] == 2}
    train_each(path, tmp_path, {"one": (1, ()), **layouts}, *words)
    found = {}
    for name in layouts:
        folder = tmp_path / name
        found[name] = furthest(losses(folder), losses(one)), moment_difference(folder, one)
    print(f"parity of {rows} {model}: {found}")
    assert max(max(both) for both in found.values()) < BAR, found


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("saved", RESUMED)
def test_a_run_on_chats_goes_on_on_another_layout(saved: str, tmp_path: Path) -> None:
    path, words = on_chats("llama")
    words += ["run.save_every=5", "run.keep=9"]
    train_each(path, tmp_path, {"one": (1, ()), saved: LAYOUTS[saved]}, *words)
    folder = tmp_path / saved
    shutil.rmtree(folder / "checkpoints" / "step-00000010")
    shutil.rmtree(folder / "model")
    world, layout = LAYOUTS[RESUMED[RESUMED.index(saved) - 1]]
    train(world, path, folder, *words, *layout)
    assert list(losses(folder)) == list(range(1, 11))
    assert furthest(losses(folder), losses(tmp_path / "one")) < BAR
