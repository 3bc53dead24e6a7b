"""Runs from shards on a server: the losses of shards at hand, and what a dead server ends."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.data.remote.server import Server, serving
from tests.data.sources.shards.making import clip, images, parquet, photograph, tar
from tests.ranks import run_ranks
from tests.runs import rows, run_twin, train, twin
from zoo.data.ordering.build import order_of
from zoo.recipe import load_recipe
from zoo.training.checks import ring_two

SHARDS, ROWS, MANY = 24, 16, 120
NAMES = f"{{00000..000{SHARDS - 1}}}"


def image_shards(folder: Path) -> str:
    images(folder, SHARDS, ROWS, size=32)
    return f"train-{NAMES}.tar"


def clip_shards(folder: Path) -> str:
    for shard in range(SHARDS):
        numbers = range(shard * 4, shard * 4 + 4)
        samples = {f"{n}": {"flac": clip(n, 0.5), "txt": b"ab ba"[: 1 + n % 5]} for n in numbers}
        tar(folder / f"train-{shard:05}.tar", samples)
    return f"train-{NAMES}.tar"


def text_shards(folder: Path) -> str:
    for shard in range(SHARDS):
        numbers = range(shard * ROWS, (shard + 1) * ROWS)
        texts = [{"text": f"{n} is {n % 2} " * 9, "label": f"l{n % 2}"} for n in numbers]
        parquet(folder / f"train-{shard:05}.parquet", texts)
    return f"train-{NAMES}.parquet"


CASES = {
    "image-classification": image_shards,
    "ctc": clip_shards,
    "sequence-classification": text_shards,
    "causal-lm": text_shards,
}
BATCH = ("run.batch=8", "run.micro_batch=4", "run.eval_micro_batch=4", "run.log_every=1")


def words(place: str, entry: str, cache: Path, limit: int, *more: str) -> list[str]:
    streamed = ["data.streaming=true", "data.shuffle_window=1", f"data.cache_limit={limit}"]
    return [
        *("data.source=files", f"data.folder={place}", f"data.train={entry}"),
        *(f"data.cache={cache}", "data.valid=false", "data.test=false", *streamed, *BATCH),
        *("run.eval_every=0", "run.best_metric=unset", "run.export=last", *more),
    ]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    return folder


@pytest.fixture
def server(shards: Path) -> Iterator[Server]:
    with serving(shards) as one:
        yield one


def losses(metrics: list[dict[str, Any]]) -> list[float]:
    return [row["loss"] for row in metrics if "loss" in row]


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_streamed_runs_have_the_losses_of_shards_at_hand(
    kind: str, shards: Path, server: Server, tmp_path: Path
) -> None:
    entry = CASES[kind](shards)
    limit = 17 * max(path.stat().st_size for path in shards.iterdir())
    if kind != "causal-lm":
        limit *= 3 if "parquet" in entry else 1
    found = {}
    for name, world, place in (("here", 1, str(shards)), ("there", 2, server.url)):
        said = words(place, entry, tmp_path / name, limit, "run.steps=20", "data.workers=1")
        found[name] = losses(train(world, twin(kind), tmp_path / f"run-{name}", *said))
    assert len(found["here"]) == 20
    assert found["there"] == pytest.approx(found["here"], rel=1e-5)


def limited(shards: Path) -> int:
    return 17 * next(shards.glob("*.tar")).stat().st_size


@pytest.mark.slow
def test_a_run_outlives_its_server_for_a_while_and_ends_with_it_for_good(
    shards: Path, server: Server, tmp_path: Path
) -> None:
    entry = image_shards(shards)
    kind, folder = "image-classification", tmp_path / "run"
    said = ["run.steps=300", "run.save_every=0", "data.timeout=8.0"]
    here = words(str(shards), entry, tmp_path / "here", limited(shards), *said)
    whole = losses(train(2, twin(kind), tmp_path / "whole", *here))

    def reached(steps: int) -> None:
        metrics = folder / "metrics.jsonl"
        while not metrics.exists() or len(metrics.read_text().splitlines()) < steps:
            time.sleep(0.01)

    def fail() -> None:
        reached(5)
        server.down_for(5)
        time.sleep(6)
        reached(len(rows(folder)) + 20)
        server.down()

    threading.Thread(target=fail, daemon=True).start()
    there = words(server.url, entry, tmp_path / "there", limited(shards), *said)
    started = time.monotonic()
    with pytest.raises(AssertionError, match=r"DataError: rank [01] on"):
        run_ranks(2, run_twin, twin(kind), [f"run.folder={folder}", *there], timeout=200)
    spent = time.monotonic() - started
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "failed"
    assert f"{server.url}/train-" in json.dumps(status)
    assert "nothing of it came for 8 s (data.timeout)" in json.dumps(status)
    first = losses(rows(folder))
    assert 25 <= len(first) < 300
    assert spent < 150
    server.up()
    after = losses(train(2, twin(kind), folder, *there))
    assert len(after) == 300
    assert after == pytest.approx(whole, rel=1e-5)


def large_tars(folder: Path) -> str:
    images(folder, MANY, 52, size=96)
    return f"train-{{00000..00{MANY - 1}}}.tar"


def large_parquets(folder: Path) -> str:
    for shard in range(MANY):
        numbers = range(shard * 52, (shard + 1) * 52)
        found = [{"image": {"bytes": photograph(n, 96)}, "label": f"l{n % 3}"} for n in numbers]
        parquet(folder / f"train-{shard:05}.parquet", found)
    return f"train-{{00000..00{MANY - 1}}}.parquet"


def needed(place: str, words: list[str], first: int, last: int) -> set[int]:
    """The shards that two ranks read in some steps."""
    recipe = load_recipe(twin("image-classification"), words, tiny=True)
    order = order_of(recipe, ring_two(recipe, 2).source.train)
    return set(order.shards(first, last, range(2)))


@pytest.mark.slow
@pytest.mark.parametrize("made", [large_tars, large_parquets])
def test_170_mb_stream_through_a_budget_of_50_mb(
    made: Callable[[Path], str], shards: Path, server: Server, tmp_path: Path
) -> None:
    entry, kind, budget = made(shards), "image-classification", 50_000_000
    assert sum(path.stat().st_size for path in shards.iterdir()) > 3.3 * budget
    said = ["run.steps=78", "run.batch=80", "run.micro_batch=40", "run.save_every=0"]
    said += ["data.timeout=40.0"]
    here = words(str(shards), entry, tmp_path / "here", budget, *said)
    whole = losses(train(2, twin(kind), tmp_path / "whole", *here))
    folder, most, over = tmp_path / "run", [0], threading.Event()
    downs: list[float] = []

    def watch() -> None:
        while not over.wait(0.05):
            found = {}  # by file, as one may be renamed meanwhile
            for path in (tmp_path / "there" / "shards").glob("*"):
                with suppress(FileNotFoundError):
                    found[path.stat().st_ino] = path.stat().st_size
            most[0] = max(most[0], sum(found.values()))

    def reached(steps: int) -> None:
        metrics = folder / "metrics.jsonl"
        while not metrics.exists() or len(metrics.read_text().splitlines()) < steps:
            time.sleep(0.01)

    def fail() -> None:
        reached(10)
        server.down_for(20)
        time.sleep(21)
        reached(35)
        server.down()
        downs.append(time.monotonic())

    for one in (watch, fail):
        threading.Thread(target=one, daemon=True).start()
    there = words(server.url, entry, tmp_path / "there", budget, *said)
    with pytest.raises(AssertionError, match=r"DataError: rank [01] on"):
        run_ranks(2, run_twin, twin(kind), [f"run.folder={folder}", *there], timeout=500)
    spent = time.monotonic() - downs[0]
    assert "nothing of it came for 40 s (data.timeout)" in (folder / "status.json").read_text()
    at = len(losses(rows(folder)))
    assert 35 <= at < 78
    server.up()
    server.asked.clear()
    after = losses(train(2, twin(kind), folder, *there, timeout=500))
    over.set()
    asked = {int(name[6:11]) for name in server.asked}
    # And of the next epoch as many as the budget holds, about 35 shards of 52 rows for steps of 80,
    # to their windows' ends; what is exported is asked about the first rows, and who reads one
    # after the other is told of three shards.
    wanted = needed(server.url, there, at, 78 + 30) | {0, 1, 2}
    print(f"at most {most[0] / 1e6:.1f} MB held; ended {spent:.0f} s after its server, at {at};")
    times = sum(server.asked.values())
    print(f"resumed with {len(asked)} of {MANY} shards, of {len(wanted)} that it may read; {times}")
    assert after == pytest.approx(whole, rel=1e-5)
    assert spent < 100  # what was brought ahead lasts for a while
    assert most[0] <= budget
    assert asked <= wanted
    assert len(wanted) < MANY
