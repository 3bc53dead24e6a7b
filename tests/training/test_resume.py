"""A run goes on where it stopped: on its own layout bit by bit, on another within rounding."""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.ranks import started
from tests.runs import SHORT, furthest, losses, rows, run_twin, train, train_each, twin
from tests.training.conftest import Chosen
from zoo.errors import ResumeError

RECIPE = twin("sequence-classification")
COMMON = (
    *(*SHORT, "data.max_valid_examples=8", "run.batch=16", "run.micro_batch=8"),
    "model.config.hidden_dropout_prob=0.1",
)
LAYOUTS = {
    f"zero-{stage}-on-{ranks}": (ranks, f"parallel.zero.stage={stage}")
    for stage, ranks in itertools.product((0, 1, 2, 3), (1, 2))
}
PAIRS = list(itertools.product(LAYOUTS, LAYOUTS))
FEW = set(zip(LAYOUTS, [*list(LAYOUTS)[3:], *list(LAYOUTS)[:3]], strict=True)) | {
    (name, name) for name in ("zero-0-on-2", "zero-1-on-2", "zero-3-on-2")
}


SAVING = ("run.save_every=10", "run.keep=9")


@pytest.fixture(scope="module")
def whole(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """whole(layout): the folder of an undisturbed run that saved after step 10.

    All that the tests chosen for this session ask for are trained at once.
    """
    root = tmp_path_factory.mktemp("whole")
    layouts = {saved: LAYOUTS[saved] for (saved,) in chosen("saved")}
    runs = {name: (ranks, (change,)) for name, (ranks, change) in layouts.items()}
    train_each(RECIPE, root, runs, *COMMON, *SAVING)
    return lambda layout: root / layout


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    ("saved", "resumed"),
    [pytest.param(*pair, marks=[] if pair in FEW else [pytest.mark.slow]) for pair in PAIRS],
)
def test_a_checkpoint_of_one_layout_goes_on_in_another(
    saved: str, resumed: str, whole: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole(saved), folder)
    shutil.rmtree(folder / "checkpoints" / "step-00000020")
    shutil.rmtree(folder / "model")
    ranks, change = LAYOUTS[resumed]
    train(ranks, RECIPE, folder, *COMMON, change, *SAVING)
    before, after = losses(whole(saved)), losses(folder)
    assert list(after) == list(range(1, 21)), "a step stands twice or is missing"
    if saved == resumed:
        assert before == after
    else:
        assert furthest(after, before) < 1e-5


def test_a_run_killed_anywhere_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    kills = int(os.environ.get("ZOO_KILLS", "6"))
    words = [*COMMON, f"run.steps={10 * kills}", "run.save_every=2", "run.eval_every=10"]
    train(1, RECIPE, tmp_path / "calm", *words)
    folder, rng, torn = tmp_path / "killed", random.Random(0), []
    for number in range(kills):
        since = time.time()
        process = started(run_twin, RECIPE, [f"run.folder={folder}", *words])
        if number % 4 == 1:
            process.join(rng.uniform(0.0, 1.0))  # while it starts
        elif number % 4 == 3:
            wait_for_steps(process, folder, rng.randint(1, 8))
            time.sleep(rng.uniform(0.0, 0.05))
        else:
            wait_for_save(process, folder, since, rng.randint(1, 4))
            time.sleep(rng.choice([0.0, 0.001, 0.003]))
        assert process.exitcode is None, "the run ended before it could be killed"
        process.kill()
        process.join()
        torn += saves_begun(folder, since)
    print(f"{len(torn)} of {kills} kills tore a save: {torn}")
    assert torn, "no kill fell inside a save"
    train(1, RECIPE, folder, *words)
    assert losses(folder) == losses(tmp_path / "calm")
    assert [row for row in rows(folder) if "valid/loss" in row] == [
        row for row in rows(tmp_path / "calm") if "valid/loss" in row
    ]


def saves_begun(folder: Path, since: float) -> set[str]:
    """The checkpoints that are being written, or were when the run was killed, after `since`."""
    found = set()
    for part in (folder / "checkpoints").glob(".step-*.part"):
        with contextlib.suppress(FileNotFoundError):  # it has just become a whole one
            found |= {part.name} if part.stat().st_mtime > since else set()
    return found


def wait_for_steps(process: BaseProcess, folder: Path, count: int) -> None:
    """Returns when the run has taken `count` steps more than are on the disk, or has ended."""
    path = folder / "metrics.jsonl"
    before = len(path.read_text().splitlines()) if path.exists() else 0
    while process.exitcode is None:
        now = len(path.read_text().splitlines()) if path.exists() else 0
        before = min(before, now)  # a resume takes rows back
        if now >= before + count:
            return
        time.sleep(0.001)


def wait_for_save(process: BaseProcess, folder: Path, since: float, count: int) -> None:
    """Returns when the run is seen inside a save for the `count`-th time, or has ended."""
    seen: set[str] = set()
    while process.exitcode is None:
        new = saves_begun(folder, since) - seen
        seen |= new
        if new and len(seen) >= count:
            return
        time.sleep(0.0002)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_saves_within_a_step_and_tells_its_code(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = [f"run.folder={folder}", *COMMON, "run.steps=2000"]
    process = started(run_twin, RECIPE, words)
    wait_for_row(folder)
    os.kill(process.pid or 0, number)
    at = rows(folder)[-1]["step"]
    process.join(30)
    assert process.exitcode == 128 + number
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "stopped" and status["exit_code"] == 128 + number
    newest = (folder / "latest").read_text().strip()
    assert at <= int(newest.removeprefix("step-")) <= at + 2
    assert int(newest.removeprefix("step-")) == status["step"]


def wait_for_row(folder: Path) -> None:
    """Returns when the run has written its third row."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (folder / "metrics.jsonl").exists() and len(rows(folder)) > 2:
            return
        time.sleep(0.05)
    raise TimeoutError(folder)


def test_a_broken_checkpoint_is_skipped_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = [*COMMON, "run.save_every=5", "run.keep=9"]
    train(1, RECIPE, folder, *words)
    before = losses(folder)
    for name, harm in (("step-00000020", 10), ("step-00000015", -1)):
        state = folder / "checkpoints" / name / "state-00000.safetensors"
        content = bytearray(state.read_bytes())
        if harm > 0:
            content = content[:-harm]
        else:
            content[-1] ^= 1
        state.write_bytes(content)
    train(1, RECIPE, folder, *words)
    assert losses(folder) == before
    assert (folder / "checkpoints" / "step-00000020.broken-1").is_dir()
    superseded = (folder / "metrics-superseded.jsonl").read_text().splitlines()
    assert json.loads(superseded[0])["step"] == 11


def test_a_changed_recipe_follows_the_resume_column(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(1, RECIPE, folder, *COMMON, "run.steps=4")
    with pytest.raises(ResumeError, match=r"optimizer\.params\.lr.*0\.5"):
        run_twin(
            RECIPE, [f"run.folder={folder}", *COMMON, "run.steps=4", "optimizer.params.lr=0.5"]
        )
    train(1, RECIPE, folder, *COMMON, "run.steps=6", "run.micro_batch=4", "run.keep=1")
    assert list(losses(folder)) == [1, 2, 3, 4, 5, 6]


def test_fresh_starts_beside_the_old_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(1, RECIPE, folder, *COMMON, "run.steps=3")
    process = started(run_twin, RECIPE, [f"run.folder={folder}", *COMMON, "run.steps=2"], True)
    process.join(60)
    assert process.exitcode == 0
    assert list(losses(folder)) == [1, 2]
    assert list(losses(tmp_path / "run.1")) == [1, 2, 3]
