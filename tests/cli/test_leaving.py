"""Of many processes that have the same to say one says it, and what one alone found is said too."""

from pathlib import Path

import pytest

from zoo.cli.leaving import speaks, spoken
from zoo.errors import ConfigError, DataError, Fault


def place(rank: int, port: int = 29500) -> dict[str, str]:
    """The environment of one of sixteen processes on two hosts."""
    return {
        **{"RANK": str(rank), "LOCAL_RANK": str(rank % 8)},
        **{"WORLD_SIZE": "16", "MASTER_PORT": str(port)},
    }


@pytest.fixture(autouse=True)
def one_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processes of a host leave their marks; nobody waits for rank 0."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("zoo.cli.leaving._FIRST", 0.0)


def error(found: str) -> ConfigError:
    """A fault of the data."""
    return ConfigError([Fault("r.json", "data.folder", found, "a folder")])


def test_what_all_ranks_have_is_told_by_the_first() -> None:
    agreed = DataError("rank 3 on b cannot read on")
    agreed.everywhere = True
    assert [rank for rank in range(16) if speaks(agreed, place(rank))] == [0]
    assert spoken(agreed, place(0)) == str(agreed)


def test_what_processes_of_a_host_find_is_told_once_a_launch_and_what_one_finds_as_well() -> None:
    both, alone = error("nothing"), error("no permission")
    assert [rank for rank in (9, 8, 10) if speaks(both, place(rank))] == [9]
    assert speaks(alone, place(11)) and not speaks(alone, place(12))
    assert speaks(both, place(8, 29501)), "another launch"
    assert spoken(alone, place(11)).startswith("rank 11 on ")


def test_rank_0_always_tells_what_it_has_and_others_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = error("nothing")
    assert [rank for rank in (0, 1, 2) if speaks(both, place(rank))] == [0]
    assert speaks(both, place(0)), "the same command, started again from the same shell"
    monkeypatch.setattr("zoo.cli.leaving._SAME", -1.0)
    assert speaks(both, place(1)), "a mark of long ago is another launch's"


def test_a_process_alone_always_speaks() -> None:
    assert all(speaks(error("nothing"), {}) for _ in range(3))
