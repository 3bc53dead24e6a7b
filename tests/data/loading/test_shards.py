"""Batches that are streamed: the same as of shards at hand, within a budget, fetched as needed."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.remote.server import Server, serving
from tests.data.sources.shards.making import as_json, images, photograph, tar
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import eval_batches, train_batches
from zoo.data.loading.shards import check_room
from zoo.data.ordering.build import order_of
from zoo.data.rows import Batch, Example, Row
from zoo.data.source import open_source
from zoo.errors import ConfigError
from zoo.layout import Layout, Place
from zoo.recipe.derived.amounts import bytes_of

SHARDS, ROWS, BATCH, MICRO = 24, 16, 8, 2
PIXEL = photograph(0, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("shards")
    images(here, SHARDS, ROWS)
    paths = sorted(here.glob("*.tar"))
    named = [{"name": one.name, "bytes": one.stat().st_size, "rows": ROWS} for one in paths]
    index = {"shards": named, "classes": ["a", "b", "c"]}
    (here / "shards.json").write_bytes(as_json(index))
    return here


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with serving(folder) as one:
        yield one


def size(folder: Path) -> int:
    return next(folder.glob("*.tar")).stat().st_size


@pytest.fixture
def recipe(make_recipe: Any, folder: Path) -> Any:
    def make(place: str, **data: Any) -> Any:
        words = {"source": "files", "folder": place, "streaming": True, "shuffle_window": 1}
        words |= {"train": "train", "cache_limit": 17 * size(folder), "timeout": 5.0} | data
        made = make_recipe("image-classification", **words)
        run = made.run.model_copy(update={"batch": BATCH, "micro_batch": MICRO})
        return made.model_copy(update={"run": run})

    return make


def example(row: Row, rng: np.random.Generator, training: bool) -> Example:
    return {"pixels": np.asarray(row["image"]), "label": row["label"]}


def collate(examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
    pixels = np.stack([one["pixels"] for one in examples])
    labels = [one["label"] for one in examples]
    return {"inputs": {"pixels": pixels}, "labels": labels}


def batches(recipe: Any, rank: int = 0, ranks: int = 1, start: int = 0, workers: int = 0) -> Any:
    rows = open_source(recipe).train
    each, limit = BATCH // MICRO // ranks, CorruptLimit(alone=False)
    order = order_of(recipe, rows)
    return train_batches(rows, order, example, collate, each, rank, 1, workers, start, limit)


def content(steps: Any) -> list[Any]:
    return [
        [batch["ids"], np.asarray(batch["inputs"]["pixels"]).tolist(), list(batch["labels"])]
        for step in steps
        for batch in step
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_are_those_of_shards_at_hand(
    workers: int, recipe: Any, folder: Path, server: Server, tmp_path: Path
) -> None:
    here = content(islice(batches(recipe(str(folder))), 60))
    there = recipe(server.url)
    most, done = [0], threading.Event()

    def watch() -> None:
        shards = tmp_path / "cache" / "shards"
        while not done.wait(0.002):  # a listing may show what is removed beside what comes after it
            held = min(len(list(shards.glob("*.tar"))) for _ in range(2))
            most[0] = max(most[0], held)

    threading.Thread(target=watch, daemon=True).start()
    found = content(islice(batches(there, workers=workers), 60))
    done.set()
    assert found == here
    assert 0 < most[0] <= 17
    counts = [server.asked[f"train-{number:05}.tar"] for number in range(SHARDS)]
    assert min(counts) == 1  # the first epoch has 48 steps and goes through all
    assert max(counts) <= 2


def test_a_rank_that_resumes_within_shards_fetches_its_windows_and_the_next_alone(
    recipe: Any, server: Server
) -> None:
    there = recipe(server.url)
    order = order_of(there, open_source(there).train)
    server.asked.clear()
    mine = range(2, 4)  # of four micro-batches
    steps = list(islice(batches(there, rank=1, ranks=2, start=20), 4))
    ids = [one for step in steps for batch in step for one in batch["ids"]]
    assert ids == [
        row for step in range(20, 24) for m in mine for row in order.micro_batches(step)[m].rows
    ]
    needed = {row // ROWS for row in ids}
    allowed = set(order.shards(20, 20 + 32, mine)) | {0}  # the first tells which columns there are
    asked = {int(name[6:11]) for name in server.asked if name.endswith("tar")}
    assert needed <= asked <= allowed
    assert len(asked) < SHARDS / 2
    assert set(server.asked.values()) <= {1}


def test_a_server_that_is_away_for_a_while_changes_no_batch(
    recipe: Any, folder: Path, server: Server
) -> None:
    found = batches(recipe(server.url))
    first = list(islice(found, 10))
    server.down_for(1.5)
    rest = list(islice(found, 50))
    assert content(first + rest) == content(islice(batches(recipe(str(folder))), 60))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_server_that_is_gone_is_a_fault_that_all_ranks_are_told(
    workers: int, recipe: Any, server: Server
) -> None:
    found = batches(recipe(server.url, timeout=0.7), workers=workers)
    next(found)
    server.down()
    *_, last = found
    assert f"{server.url}/train-" in last[-1]["fault"]
    assert "nothing of it came for 0.7 s (data.timeout)" in last[-1]["fault"]
    assert "\n" not in last[-1]["fault"]


def test_ranks_that_have_just_the_room_that_is_asked_for_fetch_each_shard_once_an_epoch(
    recipe: Any, tmp_path: Path
) -> None:
    folder, number = tmp_path / "uneven", 0
    folder.mkdir()
    rng = np.random.default_rng(3)
    for shard in range(48):  # of which lanes are cut in the middle
        named = [f"{number + place:04}" for place in range(rng.integers(5, 12))]
        number += len(named)
        tar(folder / f"train-{shard:05}.tar", {n: {"png": PIXEL, "cls": b"0"} for n in named})
    with serving(folder) as server:
        words = {"train": "train-{00000..00047}.tar", "shuffle_window": 2, "workers": 1}
        there = recipe(server.url, cache_limit=1, **words)
        rows = open_source(there).train
        order = order_of(there, rows)
        with pytest.raises(ConfigError) as caught:
            check_room(there, Layout.of(data=2), Place(0, 2), order, rows)
        room = re.search(r"at least ([\d.]+ \w+)", str(caught.value))
        assert room is not None
        there = recipe(server.url, cache_limit=room[1], **words)
        total = sum(path.stat().st_size for path in folder.iterdir())
        assert bytes_of(room[1]) < 0.9 * total
        server.asked.clear()
        for path in (tmp_path / "cache" / "shards").glob("*.tar"):
            path.unlink()
        ranks = [batches(there, rank=rank, ranks=2, workers=1) for rank in range(2)]
        for _ in range(order.steps_per_epoch):
            for one in ranks:
                next(one)
        again = server.asked - Counter(path.name for path in folder.iterdir())
    ahead = order.shards(order.steps_per_epoch, 2 * order.steps_per_epoch, range(4))
    assert len(server.asked) == 48
    assert set(again.values()) <= {1}
    assert again.keys() <= {f"train-{shard:05}.tar" for shard in ahead[:30]}  # of the next epoch
    assert sum(again.values()) < 10


def test_evaluation_goes_through_shards_in_their_order(recipe: Any, server: Server) -> None:
    there = recipe(server.url)
    rows = open_source(there).train
    found = [
        one
        for batch in eval_batches(rows, example, collate, 16, 0, 1, 1, 0)
        for one in batch["ids"]
    ]
    assert found == list(range(SHARDS * ROWS))
    assert set(server.asked.values()) == {1}


def test_a_budget_without_room_for_the_windows_is_a_fault_beforehand(
    recipe: Any, folder: Path
) -> None:
    small = recipe(str(folder), cache_limit=10 * size(folder))
    rows = open_source(small).train
    with pytest.raises(ConfigError, match=r"data\.cache_limit: found .* for 16 shards"):
        check_room(small, Layout.of(data=2), Place(0, 2), order_of(small, rows), rows)
    here = {"LOCAL_WORLD_SIZE": "1"}
    assert list(Place(1, 2, 0).neighbours(here)) == [1]
    half = recipe(str(folder), cache_limit=16 * size(folder))
    check_room(half, Layout.of(data=1), Place(), order_of(half, rows), rows)


def test_streamed_parts_of_a_mixture_need_room_for_what_all_hold(
    make_recipe: Any, folder: Path
) -> None:
    part = {"source": "files", "folder": str(folder), "streaming": True, "shuffle_window": 1}
    part |= {"train": "train", "cache_limit": 17 * size(folder)}
    parts = {name: {"data": part, "weight": 1} for name in ("a", "b")}
    mixed = make_recipe("image-classification", source="mixture", parts=parts)
    run = mixed.run.model_copy(update={"batch": 16, "micro_batch": 4, "steps": 1})
    mixed = mixed.model_copy(update={"run": run})
    rows = open_source(mixed).train
    with pytest.raises(ConfigError, match=r"parts\.a\.data\.cache_limit: found .* for 32 shards"):
        check_room(mixed, Layout.of(data=1), Place(), order_of(mixed, rows), rows)
