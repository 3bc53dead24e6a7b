"""Hostfiles, and words of `zoo launch` that cannot work."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.launching.faults import launch_faults
from zoo.launching.hosts import Host, node_rank, read_hosts
from zoo.launching.processes import Asked


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


@pytest.mark.parametrize(
    "name", ["-oProxyCommand=evil", "-a", "a;b", "$(id)", "a,b", "n[1-2]", "u@h", "a%n", "\u00e4"]
)
def test_a_host_is_a_name_and_no_option_pattern_or_shell_text(tmp_path: Path, name: str) -> None:
    hosts, [fault] = read_hosts(write(tmp_path, f"{name} slots=8\n"))
    assert (hosts, fault.key) == ([], "line 1")
    assert name in fault.found


@pytest.mark.parametrize("name", ["node-1.cluster", "10.0.0.7", "fe80::1", "gpu_node2"])
def test_names_and_addresses_are_hosts(tmp_path: Path, name: str) -> None:
    assert read_hosts(write(tmp_path, f"{name} slots=08\n")) == ([Host(name, 8)], [])


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
    ("asked", "hosts", "expected"),
    [
        (Asked("torchrun", 1, 2), None, []),
        (Asked("slurm", 4, 8), None, []),
        (Asked("slurm", 4, 8, sbatch=("-p", "--gpus=4")), None, []),
        (Asked("deepspeed", 2, 2), "a slots=2\nb slots=2", []),
        (Asked("deepspeed"), "a slots=2\nb slots=2", []),
        (Asked("mpirun", 1, 1), None, ["--with: found mpirun"]),
        (Asked("torchrun", 0, -1), None, ["--nodes: found 0", "--per-node: found -1"]),
        (Asked("accelerate", 2, 1), None, ["--hostfile: found none"]),
        (Asked("slurm", 2, 1), "a slots=2", ["--hostfile: found "]),
        (
            Asked("deepspeed", 3, 1),
            "a slots=2\nb slots=2",
            ["--nodes: found 3; allowed: at most 2"],
        ),
        (
            Asked("deepspeed", 2, 4),
            "a slots=2\nb slots=8",
            ["--per-node: found 4; allowed: at mos"],
        ),
        (Asked("deepspeed"), "a slots=2\nb slots=8", ["--per-node: found a slots=2, b slots=8"]),
        (Asked("deepspeed", 1, 1), "# nothing\n", ["--hostfile: found no host"]),
        (Asked("torchrun", 2, 1), "a slots=2\nb slots=2", ["--hostfile: found this host, "]),
        (Asked("torchrun"), "elsewhere slots=1", ["--hostfile: found this host, "]),
        (Asked("torchrun", port=0), None, ["--port: found 0; allowed: 1 to 65535"]),
        (Asked("torchrun", port=65536), None, ["--port: found 65536"]),
        (Asked("torchrun", gpus_per_node=2), None, ["--gpus-per-node: found 2"]),
        (Asked("torchrun", sbatch=("-x",)), None, ["--sbatch: found -x"]),
        (Asked("slurm", 1, 8, gpus_per_node=4), None, ["--gpus-per-node: found 4 for 8 proc"]),
        (Asked("slurm", 1, 8, gpus_per_node=-1), None, ["--gpus-per-node: found -1"]),
        (Asked("slurm", sbatch=("x.sh",)), None, ["--sbatch: found x.sh"]),
        (Asked("slurm", sbatch=("--nodes=4", "-n8")), None, ["found --nodes=4", "found -n8"]),
    ],
)
def test_wrong_words_of_a_launch_are_all_named(
    tmp_path: Path, asked: Asked, hosts: str | None, expected: list[str]
) -> None:
    hostfile = write(tmp_path, hosts) if hosts is not None else None
    said = [str(fault) for fault in launch_faults(replace(asked, hostfile=hostfile), {})]
    assert len(said) == len(expected), said
    for fault, start in zip(said, expected, strict=True):
        assert start in fault


def test_a_missing_hostfile_is_named(tmp_path: Path) -> None:
    asked = Asked("deepspeed", 2, 1, str(tmp_path / "none"))
    (fault,) = launch_faults(asked, {})
    assert fault.file == str(tmp_path / "none")
    assert fault.key == "--hostfile"


def test_a_rank_beyond_the_hosts_is_refused(tmp_path: Path) -> None:
    asked = Asked("torchrun", 2, 1, write(tmp_path, "a slots=2\nb slots=2"))
    (fault,) = launch_faults(asked, {"NODE_RANK": "2"})
    assert fault.found == "rank 2"


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        (fault,) = launch_faults(Asked("torchrun", port=port), {})
    assert (fault.key, fault.found) == ("--port", f"{port}, which is taken")
    assert launch_faults(Asked("torchrun", port=port), {}) == []


def test_the_head_of_several_machines_must_have_the_port(tmp_path: Path) -> None:
    file = write(tmp_path, "a slots=2\nb slots=2")
    with socket.create_server(("", 0)) as taken:
        asked = Asked("torchrun", hostfile=file, port=taken.getsockname()[1])
        (fault,) = launch_faults(asked, {"NODE_RANK": "0"})
        assert launch_faults(asked, {"NODE_RANK": "1"}) == []
    assert (fault.key, fault.allowed) == ("--port", "a free one")


def test_processes_beyond_the_visible_gpus_are_refused() -> None:
    environment = {"DS_ACCELERATOR": "cuda", "CUDA_VISIBLE_DEVICES": "2,3"}
    assert launch_faults(Asked("deepspeed", 1, 2), environment) == []
    (fault,) = launch_faults(Asked("torchrun", 1, 3), environment)
    assert fault.allowed == "at most 2, the GPUs in CUDA_VISIBLE_DEVICES"
    named = environment | {"CUDA_VISIBLE_DEVICES": "GPU-8932f937"}
    (fault,) = launch_faults(Asked("deepspeed", 1, 1), named)
    assert fault.key == "--with" and launch_faults(Asked("torchrun", 1, 1), named) == []
