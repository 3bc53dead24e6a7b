"""The good checkpoint is never lost: which count, which one is taken, which may go."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from zoo.errors import ResumeError
from zoo.layout import Place
from zoo.training.disk import kept
from zoo.training.disk.kept import (
    describe,
    fault_of,
    folders,
    point,
    pointed,
    prune,
    set_newer_aside,
    start_of,
    whole,
)
from zoo.training.world import Here

HERE = Here(Place(), torch.device("cpu"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is read again without a pause."""
    monkeypatch.setattr(kept, "PAUSES", (0.0, 0.0))


def saved(root: Path, *steps: int) -> None:
    """Whole checkpoints of these steps."""
    for step in steps:
        folder = root / "checkpoints" / f"step-{step:08d}"
        folder.mkdir(parents=True)
        (folder / "state").write_text(f"state of {step}")
        (folder / "manifest.json").write_text(json.dumps(dict([describe(folder / "state")])))


def broken(root: Path, step: int, text: str = "") -> None:
    """The checkpoint of a step, with other bytes than its manifest says."""
    if not (root / "checkpoints" / f"step-{step:08d}").exists():
        saved(root, step)
    (root / "checkpoints" / f"step-{step:08d}" / "state").write_text(text)


def names(root: Path) -> set[str]:
    """What lies among the checkpoints."""
    return {path.name.replace("0000000", "") for path in (root / "checkpoints").iterdir()}


def test_only_whole_checkpoints_up_to_the_step_count_and_go(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, 4)
    broken(tmp_path, 8)
    broken(tmp_path, 9)
    saved(tmp_path, 7)
    broken(tmp_path, 3)
    prune(tmp_path, keep=2, step=4, best_step=None)
    assert names(tmp_path) == {"step-2", "step-3", "step-4", "step-7", "step-8", "step-9"}
    prune(tmp_path, keep=1, step=4, best_step=2)
    assert "step-2" in names(tmp_path), "the best stays though `best` does not name it yet"
    point(tmp_path, "best", tmp_path / "checkpoints" / "step-00000004")
    prune(tmp_path, keep=1, step=7, best_step=None)
    assert names(tmp_path) == {"step-3", "step-4", "step-7", "step-8", "step-9"}


def test_a_run_goes_on_from_the_newest_whole_one_and_broken_ones_move_aside(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    broken(tmp_path, 3, "state of x")  # as long as it should be
    broken(tmp_path, 4)
    point(tmp_path, "latest", tmp_path / "checkpoints" / "step-00000005")  # and one that is gone
    found = start_of(tmp_path, HERE)
    assert found.folder == tmp_path / "checkpoints" / "step-00000002"
    assert names(tmp_path) == {"step-1", "step-2", "step-3", "step-4"}, "nothing is moved yet"
    lines = set_newer_aside(tmp_path, found)
    assert names(tmp_path) == {"step-1", "step-2", "step-3.broken-1", "step-4.broken-1"}
    assert len(lines) == 5 and "another SHA-256" in lines[2]
    assert pointed(tmp_path, "latest") == found.folder


def test_a_folder_whose_checkpoints_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert start_of(tmp_path, HERE).folder is None, "nothing was saved yet"
    broken(tmp_path, 3)
    with pytest.raises(ResumeError, match=r"(?s)no checkpoint that can be read.*0 bytes instead"):
        start_of(tmp_path, HERE)
    shutil.rmtree(tmp_path / "checkpoints")
    point(tmp_path, "latest", tmp_path / "checkpoints" / "step-00000003")
    with pytest.raises(ResumeError, match="no checkpoint that can be read"):
        start_of(tmp_path, HERE)
    (tmp_path / "latest").write_text("")  # torn by an older version's power loss
    assert start_of(tmp_path, HERE).folder is None


def test_going_back_takes_that_step_and_supersedes_newer_ones_by_name(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    with pytest.raises(ResumeError, match=r"no checkpoint of step 4; there are: 1, 2, 3"):
        start_of(tmp_path, HERE, 4)
    found = start_of(tmp_path, HERE, 1)
    set_newer_aside(tmp_path, found)
    assert names(tmp_path) == {"step-1", "step-2.superseded-1", "step-3.superseded-1"}
    broken(tmp_path, 1)
    with pytest.raises(ResumeError, match="no checkpoint that can be read"):
        start_of(tmp_path, HERE, 1)


def test_what_a_file_server_shows_late_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, 1)
    [folder] = folders(tmp_path)
    (folder / "manifest.json").rename(folder / "late")
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        (folder / "late").rename(folder / "manifest.json")

    monkeypatch.setattr(kept.time, "sleep", pause)
    assert fault_of(folder) is None and len(looks) == 1


def test_export_takes_the_one_that_is_pointed_at_if_it_is_whole(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    one, two, three = reversed(folders(tmp_path))
    assert whole(tmp_path) == three and whole(tmp_path, one) == one
    broken(tmp_path, 1)
    broken(tmp_path, 3)
    assert whole(tmp_path, one) == two
