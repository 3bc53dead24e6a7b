"""The exact command that starts a recipe under each launcher: counts and rendezvous only."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.launching.hosts import node_rank, read_hosts
from zoo.recipe.compose.catalog import shipped

PORT = 29500  # of the rendezvous of several machines, unless the command line names another


@dataclass(frozen=True)
class Processes:
    """How many processes on how many machines, and where they meet."""

    nodes: int
    per_node: int
    hostfile: str | None
    cpu: bool
    head: str
    rank: int
    port: int | None

    @property
    def world(self) -> int:
        """All processes of all machines."""
        return self.nodes * self.per_node


def command(
    recipe_file: str,
    how: str,
    nodes: int = 1,
    per_node: int = 1,
    hostfile: str | None = None,
    tiny: bool = False,
    changes: Sequence[str] = (),
    *,
    options: Sequence[str] = (),
    environment: Mapping[str, str],
    port: int | None = None,
) -> list[str]:
    """The words that train a recipe with `how`, a name in LAUNCHERS.

    `options` are further words of `zoo train` (`--fresh`). `environment` decides CPU or GPU and
    this machine's rank. Expects arguments without `launch_faults`; a recipe's values stay words of
    their own, never shell text.
    """
    hosts = read_hosts(hostfile)[0] if hostfile else []
    processes = Processes(
        nodes=nodes,
        per_node=per_node,
        hostfile=hostfile,
        cpu=on_cpu(environment),
        head=hosts[0].name if hosts else "127.0.0.1",
        rank=(node_rank(hosts, environment) or 0) if nodes > 1 else 0,
        port=port,
    )
    words = [recipe_file, *(["--tiny"] if tiny else []), *options, *changes]
    return LAUNCHERS[how].build(processes, words)


def accelerate(processes: Processes, words: Sequence[str]) -> list[str]:
    """`accelerate launch` with a shipped file; the counts on the command line overrule it."""
    argv = ["accelerate", "launch", "--config_file", str(_accelerate_file(processes))]
    argv += ["--num_machines", str(processes.nodes), "--num_processes", str(processes.world)]
    if processes.nodes > 1:
        argv += ["--machine_rank", str(processes.rank), "--main_process_ip", processes.head]
        argv += ["--main_process_port", str(processes.port or PORT)]
    elif processes.port is not None:
        argv += ["--main_process_port", str(processes.port)]
    return [*argv, "--module", "zoo", "train", *words]


def deepspeed(processes: Processes, words: Sequence[str]) -> list[str]:
    """DeepSpeed's launcher: this machine alone, or those of a hostfile through pdsh."""
    argv = ["deepspeed"]
    if processes.nodes > 1 and processes.hostfile:
        argv += ["--hostfile", processes.hostfile, "--num_nodes", str(processes.nodes)]
    argv += ["--num_accelerators", str(processes.per_node)]
    if processes.port is not None:
        argv += ["--master_port", str(processes.port)]
    return [*argv, "--no_local_rank", "--module", "zoo", "train", *words]


def torchrun(processes: Processes, words: Sequence[str]) -> list[str]:
    """torchrun: stand-alone on one machine, otherwise the same head for all and a rank for each."""
    argv = ["torchrun"]
    if processes.nodes > 1:
        argv += ["--nnodes", str(processes.nodes), "--node_rank", str(processes.rank)]
        argv += ["--master_addr", processes.head, "--master_port", str(processes.port or PORT)]
    else:
        argv += ["--standalone"]
    return [*argv, "--nproc_per_node", str(processes.per_node), "-m", "zoo", "train", *words]


def slurm(processes: Processes, words: Sequence[str]) -> list[str]:
    """`sbatch` of the shipped script, one task a process."""
    argv = ["sbatch", f"--nodes={processes.nodes}", f"--ntasks-per-node={processes.per_node}"]
    if not processes.cpu:
        argv.append(f"--gpus-per-node={processes.per_node}")
    return [*argv, f"--job-name={Path(words[0]).stem}", str(launchers() / "slurm.sh"), *words]


@dataclass(frozen=True)
class Launcher:
    """One launcher: how its command is built, and who knows the machines."""

    build: Callable[[Processes, Sequence[str]], list[str]]
    names_hosts: bool = False
    """Its own system hands out the machines: there is no hostfile."""
    starts_all: bool = False
    """Started on one machine it starts the others, and tells them their ranks."""


LAUNCHERS: dict[str, Launcher] = {
    "accelerate": Launcher(accelerate),
    "deepspeed": Launcher(deepspeed, starts_all=True),
    "torchrun": Launcher(torchrun),
    "slurm": Launcher(slurm, names_hosts=True),
}


def quoted(argv: Sequence[str]) -> str:
    """The command as a shell takes it, for `--dry-run`."""
    return shlex.join(argv)


def launchers() -> Path:
    """The shipped launchers: `launchers` in a checkout, `_shipped/launchers` in a wheel."""
    return shipped("launchers", "slurm.sh")


def on_cpu(environment: Mapping[str, str]) -> bool:
    """Whether training runs on CPUs: as DS_ACCELERATOR says, else if no NVIDIA device is there."""
    said = environment.get("DS_ACCELERATOR")
    return said == "cpu" if said else not any(Path("/dev").glob("nvidia[0-9]*"))


def _accelerate_file(processes: Processes) -> Path:
    """The shipped file for so many machines and processes."""
    if processes.nodes > 1:
        name = "many-nodes"
    elif processes.cpu:
        name = "cpu"
    else:
        name = "one-node" if processes.per_node > 1 else "one-gpu"
    return launchers() / "accelerate" / f"{name}.yaml"
