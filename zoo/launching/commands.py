"""The exact command that starts a recipe under each launcher: counts and rendezvous only."""

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.launching.processes import PORT, Processes, free_port
from zoo.launching.shell import sent
from zoo.recipe.compose.catalog import shipped


def command(
    recipe_file: str,
    how: str,
    processes: Processes,
    tiny: bool = False,
    changes: Sequence[str] = (),
    options: Sequence[str] = (),
    verb: str = "train",
) -> list[str]:
    """The words that train a recipe (or prepare its data: `verb`) with `how`, a name in LAUNCHERS.

    `options` are further words of `zoo train` (`--fresh`). Expects what `launch_faults` found
    nothing wrong with; a recipe's values stay words of their own, on every machine.
    """
    words = [recipe_file, *(["--tiny"] if tiny else []), *options, *changes]
    return LAUNCHERS[how].build(processes, words, verb)


def accelerate(processes: Processes, words: Sequence[str], verb: str) -> list[str]:
    """`accelerate launch` with a shipped file; the counts on the command line overrule it."""
    argv = ["accelerate", "launch", "--config_file", str(_accelerate_file(processes))]
    argv += ["--num_machines", str(processes.nodes), "--num_processes", str(processes.world)]
    if processes.nodes > 1:
        argv += ["--machine_rank", str(processes.rank), "--main_process_ip", processes.head]
        argv += ["--main_process_port", str(processes.port or PORT)]
    elif processes.port is not None:
        argv += ["--main_process_port", str(processes.port)]
    return [*argv, "--module", "zoo", verb, *words]


def deepspeed(processes: Processes, words: Sequence[str], verb: str) -> list[str]:
    """DeepSpeed's launcher: this machine alone, or those of a hostfile through pdsh.

    pdsh gives one text to the other machines' shells, so the words go as `sent` makes them.
    """
    if processes.here:  # any hostfile: else DeepSpeed reads /job/hostfile
        argv = ["deepspeed", "--hostfile", os.devnull, *_own_gpus(processes)]
    else:
        argv = ["deepspeed", "--hostfile", str(processes.hostfile)]
        argv += ["--num_nodes", str(processes.nodes)]
        argv += ["--num_accelerators", str(processes.per_node)]
    if processes.nodes == 1 and not processes.here:
        argv.append("--force_multi")  # else one machine is always this one
    port = processes.port or (free_port() if processes.here else PORT)
    argv += ["--master_port", str(port), "--no_local_rank", "--module", "zoo"]
    return [*argv, *([verb, *words] if processes.here else sent(words))]


def torchrun(processes: Processes, words: Sequence[str], verb: str) -> list[str]:
    """torchrun: stand-alone on one machine, otherwise the same head for all and a rank for each."""
    argv = ["torchrun"]
    if processes.nodes > 1 or processes.port is not None:
        argv += ["--nnodes", str(processes.nodes), "--node_rank", str(processes.rank)]
        argv += ["--master_addr", processes.head, "--master_port", str(processes.port or PORT)]
    else:
        argv += ["--standalone"]
    return [*argv, "--nproc_per_node", str(processes.per_node), "-m", "zoo", verb, *words]


def slurm(processes: Processes, words: Sequence[str], verb: str) -> list[str]:
    """`sbatch` of the shipped script, one task a process."""
    argv = ["sbatch", f"--nodes={processes.nodes}", f"--ntasks-per-node={processes.per_node}"]
    if processes.gpus_per_node:
        argv.append(f"--gpus-per-node={processes.gpus_per_node}")
    told = {"MASTER_PORT": processes.port, "ZOO_VERB": None if verb == "train" else verb}
    if set_here := [f"{name}={value}" for name, value in told.items() if value is not None]:
        argv.append(f"--export={','.join(['ALL', *set_here])}")
    argv += [f"--job-name={Path(words[0]).stem}", *processes.sbatch]
    return [*argv, str(launchers() / "slurm.sh"), *words]


@dataclass(frozen=True)
class Launcher:
    """One launcher: how its command is built, and who knows the machines."""

    build: Callable[[Processes, Sequence[str], str], list[str]]
    names_hosts: bool = False
    """Its own system hands out machines and GPUs: there is no hostfile."""
    starts_all: bool = False
    """Started on one machine it starts the others by a shell, and tells them their ranks."""
    needs: tuple[str, ...] = ()
    """Programs by which it reaches other machines."""
    numbers_gpus: bool = False
    """It knows GPUs by their numbers only."""


LAUNCHERS: dict[str, Launcher] = {
    "accelerate": Launcher(accelerate),
    "deepspeed": Launcher(deepspeed, starts_all=True, needs=("pdsh", "ssh"), numbers_gpus=True),
    "torchrun": Launcher(torchrun),
    "slurm": Launcher(slurm, names_hosts=True),
}


def quoted(argv: Sequence[str]) -> str:
    """The command as a shell takes it, for `--dry-run`."""
    return shlex.join(argv)


def launchers() -> Path:
    """The shipped launchers: `launchers` in a checkout, `_shipped/launchers` in a wheel."""
    return shipped("launchers", "slurm.sh")


def _own_gpus(processes: Processes) -> list[str]:
    """DeepSpeed's count overrules CUDA_VISIBLE_DEVICES: where that names GPUs, they are named."""
    if processes.visible is None:
        return ["--num_accelerators", str(processes.per_node)]
    return ["--include", "localhost:" + ",".join(processes.visible[: processes.per_node])]


def _accelerate_file(processes: Processes) -> Path:
    """The shipped file for so many machines and processes."""
    if processes.nodes > 1:
        name = "many-nodes"
    elif processes.cpu:
        name = "cpu"
    else:
        name = "one-node" if processes.per_node > 1 else "one-gpu"
    return launchers() / "accelerate" / f"{name}.yaml"
