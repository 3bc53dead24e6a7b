"""Hostfiles, and words of `zoo launch` that cannot work."""

import socket
from pathlib import Path

import pytest

from zoo.launching.faults import launch_faults
from zoo.launching.hosts import Host, node_rank, read_hosts


def write(tmp_path: Path, text: str) -> str:
    file = tmp_path / "hosts"
    file.write_text(text)
    return str(file)


def test_a_hostfile_is_read_as_deepspeed_reads_it(tmp_path: Path) -> None:
    file = write(tmp_path, "# two machines\n\n  one slots=8\ntwo\tslots=4 # the old one\n")
    assert read_hosts(file) == ([Host("one", 8), Host("two", 4)], [])


def test_every_bad_line_of_a_hostfile_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, "one\ntwo slots=0\nthree slots=2\nthree slots=2\nfour slots=2 x\n")
    faults = read_hosts(file)[1]
    assert [(fault.key, fault.found) for fault in faults] == [
        ("line 1", "one"),
        ("line 2", "two slots=0"),
        ("line 4", "three slots=2"),
        ("line 5", "four slots=2 x"),
    ]


@pytest.mark.parametrize("slots", ["\u0663", "\u00b2", "9" * 5000])
def test_slots_are_plain_digits(tmp_path: Path, slots: str) -> None:
    [fault] = read_hosts(write(tmp_path, f"one slots={slots}\n"))[1]
    assert fault.key == "line 1"


def test_a_rank_that_is_no_number_leaves_it_to_the_name() -> None:
    hosts = [Host("elsewhere", 1), Host(socket.gethostname(), 1)]
    assert node_rank(hosts, {"NODE_RANK": "\u00b2"}) == 1
    assert node_rank(hosts, {"NODE_RANK": "0"}) == 0


def test_a_hostfile_with_nul_in_its_name_is_named() -> None:
    [fault] = read_hosts("a\0b")[1]
    assert fault.key == "--hostfile"


def test_this_host_is_found_by_its_name() -> None:
    hosts = [Host("elsewhere", 1), Host(socket.gethostname(), 1)]
    assert node_rank(hosts, {}) == 1
    assert node_rank(hosts[:1], {}) is None


@pytest.mark.parametrize(
    ("how", "nodes", "per_node", "hosts", "expected"),
    [
        ("torchrun", 1, 2, None, []),
        ("slurm", 4, 8, None, []),
        ("deepspeed", 2, 2, "a slots=2\nb slots=2", []),
        ("mpirun", 1, 1, None, ["--with: found mpirun"]),
        ("torchrun", 0, -1, None, ["--nodes: found 0", "--per-node: found -1"]),
        ("accelerate", 2, 1, None, ["--hostfile: found none"]),
        ("slurm", 2, 1, "a slots=2", ["--hostfile: found "]),
        ("deepspeed", 3, 1, "a slots=2\nb slots=2", ["--nodes: found 3; allowed: at most 2"]),
        ("deepspeed", 2, 4, "a slots=2\nb slots=8", ["--per-node: found 4; allowed: at most 2"]),
        ("deepspeed", 1, 1, "# nothing\n", ["--hostfile: found no host"]),
        ("torchrun", 2, 1, "a slots=2\nb slots=2", ["--hostfile: found this host, "]),
    ],
)
def test_wrong_words_of_a_launch_are_all_named(
    tmp_path: Path, how: str, nodes: int, per_node: int, hosts: str | None, expected: list[str]
) -> None:
    hostfile = write(tmp_path, hosts) if hosts is not None else None
    said = [str(fault) for fault in launch_faults(how, nodes, per_node, hostfile, {})]
    assert len(said) == len(expected)
    for fault, start in zip(said, expected, strict=True):
        assert start in fault


def test_a_missing_hostfile_is_named(tmp_path: Path) -> None:
    (fault,) = launch_faults("deepspeed", 2, 1, str(tmp_path / "none"), {})
    assert fault.file == str(tmp_path / "none")
    assert fault.key == "--hostfile"


def test_a_rank_beyond_the_hosts_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "a slots=2\nb slots=2")
    (fault,) = launch_faults("torchrun", 2, 1, file, {"NODE_RANK": "2"})
    assert fault.found == "rank 2"
