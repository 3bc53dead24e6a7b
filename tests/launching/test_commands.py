"""The words of each launcher's command, exactly as `--dry-run` prints them."""

import shlex
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from zoo.launching.commands import command, launchers, on_cpu, quoted

CPU = {"DS_ACCELERATOR": "cpu"}
GPU = {"DS_ACCELERATOR": "cuda"}
SHIPPED = str(launchers() / "accelerate")


@pytest.fixture
def hostfile(tmp_path: Path) -> str:
    file = tmp_path / "hosts"
    file.write_text(f"head slots=4\n{socket.gethostname()} slots=4\n")
    return str(file)


def words(argv: Sequence[str]) -> str:
    return " ".join(argv).replace(SHIPPED, "ACCELERATE").replace(str(launchers()), "LAUNCHERS")


@pytest.mark.parametrize(
    ("how", "per_node", "environment", "expected"),
    [
        (
            "accelerate",
            2,
            CPU,
            "accelerate launch --config_file ACCELERATE/cpu.yaml --num_machines 1 "
            "--num_processes 2 --module zoo train r.json",
        ),
        (
            "accelerate",
            1,
            GPU,
            "accelerate launch --config_file ACCELERATE/one-gpu.yaml --num_machines 1 "
            "--num_processes 1 --module zoo train r.json",
        ),
        (
            "accelerate",
            8,
            GPU,
            "accelerate launch --config_file ACCELERATE/one-node.yaml --num_machines 1 "
            "--num_processes 8 --module zoo train r.json",
        ),
        (
            "deepspeed",
            2,
            CPU,
            "deepspeed --num_accelerators 2 --no_local_rank --module zoo train r.json",
        ),
        (
            "torchrun",
            2,
            CPU,
            "torchrun --standalone --nproc_per_node 2 -m zoo train r.json",
        ),
        (
            "slurm",
            2,
            CPU,
            "sbatch --nodes=1 --ntasks-per-node=2 --job-name=r LAUNCHERS/slurm.sh r.json",
        ),
        (
            "slurm",
            8,
            GPU,
            "sbatch --nodes=1 --ntasks-per-node=8 --gpus-per-node=8 --job-name=r "
            "LAUNCHERS/slurm.sh r.json",
        ),
    ],
)
def test_one_machine_needs_counts_only(
    how: str, per_node: int, environment: dict[str, str], expected: str
) -> None:
    argv = command("r.json", how, per_node=per_node, environment=environment)
    assert words(argv) == expected


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (
            "accelerate",
            "accelerate launch --config_file ACCELERATE/many-nodes.yaml --num_machines 2 "
            "--num_processes 8 --machine_rank 1 --main_process_ip head --main_process_port 29500 "
            "--module zoo train r.json",
        ),
        (
            "deepspeed",
            "deepspeed --hostfile HOSTS --num_nodes 2 --num_accelerators 4 --no_local_rank "
            "--module zoo train r.json",
        ),
        (
            "torchrun",
            "torchrun --nnodes 2 --node_rank 1 --master_addr head --master_port 29500 "
            "--nproc_per_node 4 -m zoo train r.json",
        ),
    ],
)
def test_several_machines_meet_at_the_first_of_the_hostfile(
    how: str, expected: str, hostfile: str
) -> None:
    argv = command("r.json", how, 2, 4, hostfile, environment=CPU)
    assert words(argv).replace(hostfile, "HOSTS") == expected


def test_node_rank_of_the_environment_overrules_the_host_name(hostfile: str) -> None:
    argv = command("r.json", "torchrun", 2, 4, hostfile, environment=CPU | {"NODE_RANK": "0"})
    assert argv[argv.index("--node_rank") + 1] == "0"


@pytest.mark.parametrize(
    ("how", "word"),
    [("accelerate", "--main_process_port"), ("deepspeed", "--master_port")],
)
def test_a_port_is_handed_to_the_launcher(how: str, word: str) -> None:
    argv = command("r.json", how, per_node=2, environment=CPU, port=29777)
    assert argv[argv.index(word) + 1] == "29777"


@pytest.mark.parametrize("how", ["accelerate", "deepspeed", "torchrun", "slurm"])
def test_the_words_of_the_run_come_last_and_unchanged(how: str) -> None:
    change = 'run.folder="my runs/$(rm -rf x); a"'
    argv = command(
        "r.json", how, per_node=2, tiny=True, changes=[change, "run.steps=5"],
        options=["--fresh"], environment=CPU,
    )  # fmt: skip
    assert argv[-5:] == ["r.json", "--tiny", "--fresh", change, "run.steps=5"]
    assert shlex.split(quoted(argv)) == argv


def test_without_a_word_the_device_files_decide() -> None:
    assert on_cpu(CPU)
    assert not on_cpu(GPU)
    assert on_cpu({}) == (not any(Path("/dev").glob("nvidia[0-9]*")))
