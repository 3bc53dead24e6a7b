"""The launch files that travel with the package."""

import os
import signal
import subprocess
import time
from argparse import Namespace
from pathlib import Path

import pytest

from zoo.launching.commands import launchers

YAML = sorted((launchers() / "accelerate").glob("*.yaml"))
SCRIPTS = sorted(launchers().glob("*.sh"))


def test_all_launch_files_are_there() -> None:
    assert [file.stem for file in YAML] == ["cpu", "many-nodes", "one-gpu", "one-node"]
    assert [file.stem for file in SCRIPTS] == ["hosts", "local", "slurm"]


@pytest.mark.parametrize("file", YAML, ids=lambda file: file.stem)
def test_accelerate_takes_the_file_and_it_brings_no_training_key(file: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(file))
    assert config.mixed_precision is None
    for section in ("deepspeed_config", "fsdp_config", "megatron_lm_config", "dynamo_config"):
        assert getattr(config, section) == {}


@pytest.mark.parametrize("file", YAML, ids=lambda file: file.stem)
def test_accelerate_exports_no_setting_of_deepspeed(file: Path) -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    words = ["--config_file", str(file), "--main_process_port", "0", "--module", "zoo"]
    args, defaults, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert isinstance(args, Namespace)
    args.deepspeed_fields_from_accelerate_config = ",".join(defaults.deepspeed_config)
    if args.use_deepspeed:
        exported = prepare_deepspeed_cmd_env(args)[1]
    else:
        exported = prepare_multi_gpu_env(args)
    assert exported["ACCELERATE_MIXED_PRECISION"] == "no"
    brought = {name for name in exported if name.startswith("ACCELERATE_DEEPSPEED")}
    assert brought == set()
    assert not any(name.startswith("ACCELERATE_GRADIENT") for name in exported)


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_scripts_are_bash_and_may_be_executed(file: Path) -> None:
    subprocess.run(["bash", "-n", str(file)], check=True)
    assert os.access(file, os.X_OK)


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_scripts_without_words_say_how_they_are_used(file: Path) -> None:
    done = subprocess.run([str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def fake_programs(folder: Path, **programs: str) -> dict[str, str]:
    """An environment whose programs are scripts with these bodies."""
    for name, body in programs.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / name).chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "program", "expected"),
    [
        ("local", "torchrun", "--standalone --nproc_per_node 2 -m zoo train r.json a.b=c d"),
        ("hosts", "python", "-m zoo launch --with deepspeed --hostfile 2 r.json a.b=c d"),
    ],
)
def test_scripts_hand_their_words_on(
    tmp_path: Path, script: str, program: str, expected: str
) -> None:
    environment = fake_programs(tmp_path, **{program: 'echo "$@"'})
    words = [str(launchers() / f"{script}.sh"), "2", "r.json", "a.b=c d"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def slurm(folder: Path, python: str) -> dict[str, str]:
    """Slurm's environment, with an srun that runs one task and hands signals on."""
    srun = "shift; trap 'kill -TERM $task' TERM; \"$@\" & task=$!; wait $task; wait $task"
    scontrol = f'[ $1 = requeue ] && echo $2 > {folder}/requeued || printf "n1\\nn2\\n"'
    programs = fake_programs(folder, srun=srun, scontrol=scontrol, python=python)
    return programs | {
        "SLURM_JOB_NODELIST": "n[1-2]",
        "SLURM_JOB_ID": "7",
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "1",
        "SLURM_NTASKS": "4",
        "SLURM_NNODES": "2",
    }


def test_slurm_names_the_ranks_and_the_head(tmp_path: Path) -> None:
    python = 'echo "$@ $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR $MASTER_PORT"'
    words = [str(launchers() / "slurm.sh"), "r.json", "--tiny"]
    done = subprocess.run(
        words, env=slurm(tmp_path, python), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "-m zoo train r.json --tiny 3 1 4 n1 20007"


@pytest.mark.parametrize(
    ("sent", "code", "requeued"),
    [
        (signal.SIGTERM, 143, False),  # somebody wants it to end
        (signal.SIGUSR1, 143, True),  # its time is nearly up
        (signal.SIGUSR1, 3, False),  # it failed, and would again
    ],
)
def test_slurm_lets_a_stopped_run_save_keeps_its_code_and_requeues_what_ran_out_of_time(
    tmp_path: Path, sent: signal.Signals, code: int, requeued: bool
) -> None:
    saved, started = tmp_path / "saved", tmp_path / "started"
    python = (
        f'trap "sleep 0.2; touch {saved}; exit {code}" TERM; touch {started}; '
        "for i in $(seq 100); do sleep 0.1; done"
    )
    words = [str(launchers() / "slurm.sh"), "r.json"]
    job = subprocess.Popen(words, env=slurm(tmp_path, python))
    until = time.monotonic() + 20
    while not started.exists() and time.monotonic() < until:
        time.sleep(0.05)
    job.send_signal(sent)
    assert job.wait(timeout=20) == code
    assert saved.exists()
    assert (tmp_path / "requeued").exists() == requeued
