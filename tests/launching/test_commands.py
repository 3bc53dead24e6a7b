"""The words of each launcher's command, exactly as `--dry-run` prints them."""

import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from zoo.launching.commands import command, launchers, quoted
from zoo.launching.processes import PORT, Asked, on_cpu
from zoo.launching.settle import settled

CPU = {"DS_ACCELERATOR": "cpu"}
GPU = {"DS_ACCELERATOR": "cuda"}
LOGIN: dict[str, str] = {}  # a machine without GPUs that says nothing of others
SHIPPED = str(launchers() / "accelerate")


@pytest.fixture
def hostfile(tmp_path: Path) -> str:
    file = tmp_path / "hosts"
    file.write_text(f"head slots=4\n{socket.gethostname()} slots=4\n")
    return str(file)


def words(asked: Asked, environment: Mapping[str, str]) -> str:
    argv = command("r.json", asked.how, settled(asked, environment))
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
            "deepspeed --hostfile /dev/null --num_accelerators 2 --master_port 29777"
            " --no_local_rank --module zoo train r.json",
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
    port = 29777 if how == "deepspeed" else None
    assert words(Asked(how, per_node=per_node, port=port), environment) == expected


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
            "deepspeed --hostfile HOSTS --num_nodes 2 --num_accelerators 4 --master_port 29500 "
            "--no_local_rank --module zoo train r.json",
        ),
        (
            "torchrun",
            "torchrun --nnodes 2 --node_rank 1 --master_addr head --master_port 29500 "
            "--nproc_per_node 4 -m zoo train r.json",
        ),
    ],
)
def test_a_hostfile_gives_machines_slots_and_the_head(
    how: str, expected: str, hostfile: str
) -> None:
    assert words(Asked(how, hostfile=hostfile), CPU).replace(hostfile, "HOSTS") == expected
    said = Asked(how, nodes=2, per_node=4, hostfile=hostfile)
    assert words(said, CPU).replace(hostfile, "HOSTS") == expected


def test_one_host_of_a_hostfile_is_this_machine_or_another(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    for name, start in (
        (socket.gethostname(), "deepspeed --hostfile /dev/null --num_accelerators 3 "),
        (
            "elsewhere",
            f"deepspeed --hostfile {file} --num_nodes 1 --num_accelerators 3 --force_mul",
        ),
    ):
        file.write_text(f"{name} slots=3\n")
        assert words(Asked("deepspeed", hostfile=str(file)), CPU).startswith(start)


def test_node_rank_of_the_environment_overrules_the_host_name(hostfile: str) -> None:
    said = words(Asked("torchrun", hostfile=hostfile), CPU | {"NODE_RANK": "0"})
    assert "--node_rank 0 " in said


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("accelerate", "--main_process_port 29777"),
        ("deepspeed", "--master_port 29777"),
        ("torchrun", "--master_addr 127.0.0.1 --master_port 29777"),
        ("slurm", "--export=ALL,MASTER_PORT=29777"),
    ],
)
def test_a_port_is_handed_to_the_launcher(how: str, word: str) -> None:
    assert word in words(Asked(how, per_node=2, port=29777), CPU)


def test_deepspeed_meets_at_a_free_port_of_one_machine() -> None:
    said = words(Asked("deepspeed", per_node=2), CPU).split()
    with socket.create_server(("", int(said[said.index("--master_port") + 1]))) as free:
        assert free.getsockname()[1] != PORT


def test_deepspeed_keeps_to_the_gpus_that_are_visible() -> None:
    said = words(Asked("deepspeed", per_node=2), GPU | {"CUDA_VISIBLE_DEVICES": "3,5,7"})
    assert "--include localhost:3,5 " in said and "--num_accelerators" not in said


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        (Asked("slurm", 2, 8), LOGIN, "--gpus-per-node=8 "),
        (Asked("slurm", 2, 8), CPU, ""),
        (Asked("slurm", 2, 8, gpus_per_node=0), LOGIN, ""),
        (Asked("slurm", 2, 2, gpus_per_node=4), CPU, "--gpus-per-node=4 "),
        (Asked("slurm", 2, 8), LOGIN | {"CUDA_VISIBLE_DEVICES": ""}, "--gpus-per-node=8 "),
    ],
)
def test_a_login_node_without_gpus_asks_slurm_for_one_a_process(
    asked: Asked, environment: dict[str, str], expected: str
) -> None:
    start = f"sbatch --nodes=2 --ntasks-per-node={asked.per_node} {expected}--job-name=r LAUNCHERS"
    assert words(asked, environment).startswith(start)


def test_words_for_sbatch_come_before_the_script_and_may_ask_for_gpus_themselves() -> None:
    own = ("--time=1:00:00", "--gpus-per-task=1")
    assert words(Asked("slurm", 1, 2, sbatch=own), LOGIN) == (
        "sbatch --nodes=1 --ntasks-per-node=2 --job-name=r --time=1:00:00 --gpus-per-task=1"
        " LAUNCHERS/slurm.sh r.json"
    )


@pytest.mark.parametrize("how", ["accelerate", "deepspeed", "torchrun", "slurm"])
def test_the_words_of_the_run_come_last_and_unchanged(how: str) -> None:
    change = 'run.folder="my runs/$(rm -rf x); a"'
    processes = settled(Asked(how, per_node=2), CPU)
    argv = command("r.json", how, processes, True, [change, "run.steps=5"], ["--fresh"])
    assert argv[-5:] == ["r.json", "--tiny", "--fresh", change, "run.steps=5"]
    assert shlex.split(quoted(argv)) == argv


def test_without_a_word_the_device_files_decide() -> None:
    assert on_cpu(CPU)
    assert not on_cpu(GPU | {"CUDA_VISIBLE_DEVICES": "0"})
    for hidden in ("", "-1"):
        assert on_cpu({"CUDA_VISIBLE_DEVICES": hidden})
    there = any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()
    assert on_cpu({}) == (not there)
