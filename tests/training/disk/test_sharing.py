"""Ranks that do not share the run's folder, or its data, or its disk, leave together and say so."""

import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.ranks import run_ranks
from tests.runs import twin
from zoo.engines.engine import Fragment
from zoo.errors import ConfigError, DiskError
from zoo.layout import Place
from zoo.recipe import load_recipe
from zoo.training import checkpoint
from zoo.training.disk import sharing
from zoo.training.disk.lease import take
from zoo.training.disk.sharing import shared
from zoo.training.folder import RunFolder
from zoo.training.progress import Progress
from zoo.training.world import Here, world


class Engine:
    """One tensor of 400 kB on each rank."""

    layout_name = "2 data ranks"

    def __init__(self, here: Here) -> None:
        self.rank = here.place.rank

    def fragments(self) -> list[Fragment]:
        return [Fragment(f"param/of-{self.rank}", (100_000,), 0, torch.ones(100_000))]

    def counters(self) -> dict[str, Any]:
        return {}


def met(roots: list[Path]) -> list[str]:
    """What each rank hears when all look at `roots`, by rank; all are in one world."""
    sharing.PATIENCE = 0.3
    recipe = load_recipe(twin("sequence-classification"), tiny=True)
    heard = []
    with world(Place.from_environment()) as here:
        for own in (roots, roots[:1] * 2):
            lease = take(own[0]) if here.first else None
            try:
                held = shared(recipe, own[here.place.rank], lease, here)
                heard.append(f"lease {held.number}, held: {held.held}")
            except ConfigError as error:
                heard.append(str(error))
            if lease is not None:
                lease.release()
        heard += saved(roots[0], here)
    return heard


def saved(root: Path, here: Here) -> list[str]:
    """How two saves end: one with a disk that takes 200 kB a file on rank 1, one as always."""
    folder, engine = RunFolder(root), Engine(here)
    heard = []
    for step, limit in ((1, 200_000 if here.place.rank else -1), (2, -1)):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            checkpoint.save(folder, engine, Progress(step=step), 2, here)
            heard.append("saved")
        except DiskError as error:
            heard.append(str(error))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        here.gather(None)  # rank 0 has cleared up
        heard.append(str(sorted(path.name for path in (root / "checkpoints").iterdir())))
        here.gather(None)  # both have looked
    return heard


@pytest.mark.ranks(2)
def test_ranks_that_do_not_share_a_folder_or_whose_disk_refuses_leave_together(
    tmp_path: Path,
) -> None:
    (tmp_path / "b").mkdir()
    first, second = run_ranks(2, met, [tmp_path / "a", tmp_path / "b"])
    assert first == second
    unshared, alike, full, nothing_half, whole, there = first
    assert f"{tmp_path}/a of rank 0 on" in unshared and f"not {tmp_path}/b of rank 1" in unshared
    assert alike == "lease 2, held: True"
    assert "state-00001.safetensors: File too large (" in full and "MiB are free)" in full
    assert "\n" not in full and nothing_half == "[]"
    assert whole == "saved" and there == "['step-00000002']"
    assert (tmp_path / "a" / "latest").read_text() == "step-00000002\n"
    left = {path.name for path in (tmp_path / "a" / ".lease").iterdir()}
    assert left == {"00000001.json", "00000002.json"}


def test_files_of_a_checkpoint_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    here = Here(Place(), torch.device("cpu"))
    final = checkpoint.save(RunFolder(tmp_path), Engine(here), Progress(step=3), 2, here)  # type: ignore[arg-type]
    modes = {path.stat().st_mode for path in final.iterdir()}
    (tmp_path / "plain").touch()
    assert modes == {(tmp_path / "plain").stat().st_mode}


def test_a_checkpoint_of_a_folder_that_was_taken_over_is_not_written(tmp_path: Path) -> None:
    here, lease = Here(Place(), torch.device("cpu")), take(tmp_path)
    folder = RunFolder(tmp_path, lease)
    (tmp_path / ".lease" / "00000002.json").write_text("{}")
    with pytest.raises(Exception, match="taken over by another run"):
        checkpoint.save(folder, Engine(here), Progress(step=3), 2, here)  # type: ignore[arg-type]
    assert not (tmp_path / "checkpoints").exists()
