"""The same two-process run under every launcher gives the same losses; two hosts run one recipe."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.ranks import free_port
from tests.runs import SHORT, losses, train, twin

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
RECIPE = twin("sequence-classification")


def launched(how: str, folder: Path) -> list[str]:
    """The words that a user types for two processes on this machine; `zoo launch` for torchrun."""
    train_words = ["zoo", "train", str(RECIPE), "--tiny", f"run.folder={folder}", *SHORT]
    port = str(free_port())
    own = [str(RECIPE), "--tiny", "--per-node", "2", f"run.folder={folder}", *SHORT]
    file = str(ROOT / "launchers" / "accelerate" / "cpu.yaml")
    return {
        "accelerate": ["accelerate", "launch", "--config_file", file, "--num_processes", "2",
                       "--main_process_port", port, "-m", *train_words],
        "deepspeed": ["deepspeed", "--num_accelerators", "2", "--master_port", port, "--module",
        *train_words],
        "torchrun": ["zoo", "launch", "--with", "torchrun", *own],
    }[how]  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """The losses of two ranks without a launcher."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    train(2, RECIPE, folder, *SHORT)
    return losses(folder)


@pytest.mark.ranks(2)
def test_every_launcher_gives_the_losses_of_plain_ranks_and_starts_without_a_compiler(
    plain: dict[int, float], tmp_path: Path
) -> None:
    segments = set(Path("/dev/shm").iterdir())
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    launchers = ("accelerate", "deepspeed", "torchrun")
    said: dict[str, str] = {}

    def run(how: str) -> None:
        argv = launched(how, tmp_path / how)
        own = environment | ({"PYTHONPROFILEIMPORTTIME": "1"} if how == "torchrun" else {})
        done = subprocess.run(argv, env=own, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, (how, done.stderr[-3000:])
        said[how] = done.stderr

    with ThreadPoolExecutor(2) as two:  # a launcher that starts leaves a core to another's ranks
        list(two.map(run, launchers))
    for how in launchers:
        assert losses(tmp_path / how) == plain, how
        assert "Warning" not in said[how], "upstream's words that nobody can act on"
    loaded = {line.split()[-1] for line in said["torchrun"].splitlines() if "import time" in line}
    assert "deepspeed.runtime.zero.muon.original_muon" in loaded  # ZeRO did look at it
    assert not loaded & {"torch._inductor.compile_fx", "datasets"}, "a start loads what it needs"
    assert not [n for n in set(Path("/dev/shm").iterdir()) - segments if "deepspeed" in n.name]


@pytest.mark.hosts
@pytest.mark.ranks(2)
def test_two_hosts_run_one_recipe_through_accelerate(
    plain: dict[int, float], tmp_path: Path
) -> None:
    hosts = [f"zoo{os.getpid()}{letter}" for letter in "ab"]
    try:
        join_hosts(*hosts)
        file = str(ROOT / "launchers" / "accelerate" / "many-nodes.yaml")
        environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        processes = []
        for rank, host in enumerate(hosts):
            argv = ["ip", "netns", "exec", host, "accelerate", "launch", "--config_file", file,
                    "--num_machines", "2", "--num_processes", "2", "--machine_rank", str(rank),
                    "--main_process_ip", "10.77.0.1", "--main_process_port", "29517",
                    "-m", "zoo", "train", str(RECIPE), "--tiny", f"run.folder={tmp_path / 'two'}",
                    *SHORT]  # fmt: skip
            own = environment | {"GLOO_SOCKET_IFNAME": f"{host[-8:]}v"}
            processes.append(subprocess.Popen(argv, env=own, stderr=subprocess.PIPE, text=True))
        for process in processes:
            _, errors = process.communicate(timeout=200)
            assert process.returncode == 0, errors[-3000:]
        assert losses(tmp_path / "two") == plain
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "delete", host], capture_output=True, check=False)


def join_hosts(one: str, two: str) -> None:
    """Two network namespaces joined by a cable; skips where this is not allowed."""
    names = {host: f"{host[-8:]}v" for host in (one, two)}
    try:
        for host in (one, two):
            call("ip", "netns", "add", host)
        call("ip", "link", "add", names[one], "type", "veth", "peer", "name", names[two])
        for number, host in enumerate((one, two), 1):
            call("ip", "link", "set", names[host], "netns", host)
            inside = ["ip", "-n", host]
            call(*inside, "addr", "add", f"10.77.0.{number}/24", "dev", names[host])
            call(*inside, "link", "set", names[host], "up")
            call(*inside, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")


def call(*argv: str) -> None:
    """Runs a command that must succeed."""
    subprocess.run(argv, check=True, capture_output=True)
