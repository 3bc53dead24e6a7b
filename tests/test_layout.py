"""Where a process stands, as launchers tell it."""

import os
from pathlib import Path

import pytest

from zoo import layout as axes
from zoo.errors import ConfigError
from zoo.layout import Layout, Part, Place, working_directory


def test_a_process_that_no_launcher_started_is_alone() -> None:
    assert Place.from_environment({}) == Place(0, 1, 0)


def test_a_launcher_says_which_process_of_how_many_this_is() -> None:
    said = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
    assert Place.from_environment(said) == Place(3, 4, 1)


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK"])
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


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, "zoo launch RECIPE --with slurm"),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, "zoo launch RECIPE --per-"),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, "zoo launch RECIPE --per-node"),
        ({"MV2_COMM_WORLD_SIZE": "2"}, "zoo launch RECIPE --per-node"),
        ({"FLUX_JOB_SIZE": "2", "FLUX_TASK_RANK": "1"}, "zoo launch RECIPE --per-node"),
    ],
)
def test_copies_that_nobody_made_ranks_are_told_the_command_that_does(
    said: dict[str, str], command: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Place.from_environment(said)
    [fault] = caught.value.faults
    assert (fault.file, fault.found) == ("environment", "2 processes, and RANK is not set")
    assert fault.key in said and fault.allowed.startswith(command)
    assert Place.from_environment(said | {"RANK": "0", "WORLD_SIZE": "1"}) == Place()


@pytest.mark.parametrize(
    "said",
    [
        {"SLURM_NTASKS": "8"},  # a shell of salloc, whose tasks are yet to be started
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"},
        {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"},
        {"PMI_RANK": "0", "PMI_SIZE": "many"},
    ],
)
def test_one_process_of_a_scheduler_is_alone(said: dict[str, str]) -> None:
    assert Place.from_environment(said) == Place()


def test_a_number_of_processes_without_a_rank_is_refused() -> None:
    with pytest.raises(ConfigError, match="RANK: found nothing of 2 processes; allowed: a rank"):
        Place.from_environment({"WORLD_SIZE": "2"})


def test_ranks_without_a_local_one_take_the_one_of_who_started_them() -> None:
    said = {"RANK": "5", "WORLD_SIZE": "8"}
    assert Place.from_environment(said | {"SLURM_LOCALID": "1"}) == Place(5, 8, 1)
    both = said | {"SLURM_LOCALID": "1", "LOCAL_RANK": "3"}
    assert Place.from_environment(both) == Place(5, 8, 3)
    assert Place.from_environment(said) == Place(5, 8, 0)


def test_a_process_that_sees_one_gpu_takes_it_whatever_its_local_rank() -> None:
    assert [Place(3, 4, 3).gpu(1), Place(1, 2, 1).gpu(4), Place().gpu(2)] == [0, 1, 0]
    with pytest.raises(ConfigError, match="LOCAL_RANK: found 2 with 2 visible GPUs"):
        Place(2, 3, 2).gpu(2)


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


def test_an_axis_that_is_not_named_is_not_cut() -> None:
    found = Layout.of(pipe=2, data=3)
    assert [found.degree(axis) for axis in ("pipe", "data", "tensor")] == [2, 3, 1]
    assert (found.pipe, found.data, found.tensor, found.world) == (2, 3, 1, 6)
    assert found.degree("pipe", "data") == 6 and found.degree() == 1
    with pytest.raises(AssertionError, match="not \\['experts'\\]"):
        Layout.of(experts=2)


def test_the_last_axis_is_the_fastest() -> None:
    found = Layout.of(pipe=2, data=2, tensor=2)
    places = [[found.place(rank, axis) for axis in axes.AXES] for rank in range(found.world)]
    assert places == sorted(places) and len({tuple(place) for place in places}) == 8
    assert [found.stage(5), found.data_rank(5), found.tensor_rank(5)] == places[5] == [1, 0, 1]


def test_data_ranks_are_what_is_left() -> None:
    assert Layout.fit(12, pipe=2, tensor=3) == Layout.of(pipe=2, data=2, tensor=3)
    with pytest.raises(ConfigError) as caught:
        Layout.fit(8, pipe=2, tensor=3)
    [fault] = caught.value.faults
    assert fault.found == "2 stages x 3 tensor ranks on 8 processes"
    assert fault.allowed == "a number of processes that 6 divides"


def test_a_layout_in_words_names_what_is_cut_and_the_data_ranks() -> None:
    assert Layout.of().describe() == "1 data ranks"
    found = Layout.of(pipe=2, data=4, tensor=3).describe()
    assert found == "2 stages x 3 tensor ranks x 4 data ranks"


def test_a_new_axis_is_a_new_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axes, "AXES", ("pipe", "data", "sequence", "tensor"))
    monkeypatch.setitem(axes.WORDS, "sequence", "sequence ranks")
    found = Layout.fit(8, sequence=2, tensor=2)
    assert found.describe() == "2 sequence ranks x 2 tensor ranks x 2 data ranks"
    assert found.peers("sequence") == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert [found.data_rank(rank) for rank in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_part_has_the_slices_of_each_dimension_that_is_cut() -> None:
    part = Part(((0, ((0, 2),)), (2, ((1, 2), (4, 6)))))
    assert part.shape((8, 5, 6)) == (2, 5, 3)
    assert (part.slices(0), part.slices(1)) == (((0, 2),), None)
    assert Part.along(1, ((0, 4),)).cuts == ((1, ((0, 4),)),)
