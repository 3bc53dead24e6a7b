"""Where a process stands, as launchers tell it."""

import os
from pathlib import Path

import pytest

from zoo.errors import ConfigError
from zoo.layout import Place, working_directory


def test_a_process_that_no_launcher_started_is_alone() -> None:
    assert Place.from_environment({}) == Place(0, 1, 0, 1)


def test_a_launcher_says_which_process_of_how_many_this_is() -> None:
    said = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    assert Place.from_environment(said) == Place(3, 4, 1, 2)


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"])
@pytest.mark.parametrize("value", ["", "-1", "one", "1.0", "\u00b2", "\u0663", " 1", "9" * 5000])
def test_what_is_no_whole_number_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Place.from_environment({name: value})
    [fault] = caught.value.faults
    assert (fault.key, fault.found, fault.allowed) == (name, value, "a whole number")


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("3", "2"), ("0", "0"), ("1", None)])
def test_a_rank_is_one_of_the_processes(rank: str, world: str | None) -> None:
    said = {"RANK": rank} | ({"WORLD_SIZE": world} if world else {})
    with pytest.raises(ConfigError, match=r"RANK: found .* processes; allowed: a rank below"):
        Place.from_environment(said)


def test_a_working_directory_that_was_deleted_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert working_directory() == Path.cwd()
    gone.rmdir()
    with pytest.raises(ConfigError, match="working directory: found a folder that was deleted"):
        working_directory()
    os.chdir(tmp_path)
