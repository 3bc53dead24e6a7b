"""How many processes on how many machines a launch starts: as asked, and as it comes out."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PORT = 29500
"""Where several machines meet, unless the command line names another port."""
NO_GPUS = ("", "-1", "NoDevFiles")
"""What CUDA_VISIBLE_DEVICES says where no GPU may be used."""


@dataclass(frozen=True)
class Asked:
    """The words of `zoo launch` about processes; None where nothing was said."""

    how: str = "torchrun"
    nodes: int | None = None
    per_node: int | None = None
    hostfile: str | None = None
    port: int | None = None
    gpus_per_node: int | None = None
    sbatch: tuple[str, ...] = ()


@dataclass(frozen=True)
class Processes:
    """How many processes on how many machines, and where they meet."""

    nodes: int = 1
    per_node: int = 1
    hostfile: str | None = None
    cpu: bool = False
    head: str = "127.0.0.1"
    rank: int | None = 0
    """Which of the machines this is; None if it is none of them, or nobody knows yet."""
    port: int | None = None
    gpus_per_node: int = 0
    """What Slurm is asked for; 0 leaves it to `sbatch`, or to nobody."""
    visible: tuple[str, ...] | None = None
    """The GPUs of this machine that may be used, if CUDA_VISIBLE_DEVICES names them."""
    sbatch: tuple[str, ...] = ()

    @property
    def world(self) -> int:
        """All processes of all machines."""
        return self.nodes * self.per_node

    @property
    def here(self) -> bool:
        """Whether all of them run on this machine."""
        return self.nodes == 1 and self.rank == 0


def on_cpu(environment: Mapping[str, str]) -> bool:
    """Whether training on this machine runs on CPUs.

    As DS_ACCELERATOR says; else where CUDA_VISIBLE_DEVICES leaves no GPU, or no NVIDIA or AMD
    device is there.
    """
    said = environment.get("DS_ACCELERATOR")
    if said:
        return said == "cpu"
    if environment.get("CUDA_VISIBLE_DEVICES") in NO_GPUS:
        return True
    return not (nvidia_gpus(environment) or Path("/dev/kfd").exists())


def nvidia_gpus(environment: Mapping[str, str]) -> bool:
    """Whether this machine has NVIDIA devices that CUDA_VISIBLE_DEVICES does not hide."""
    hidden = environment.get("CUDA_VISIBLE_DEVICES") in NO_GPUS
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


def visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The GPUs that CUDA_VISIBLE_DEVICES names, as it names them; None on CPUs and without it."""
    said = environment.get("CUDA_VISIBLE_DEVICES")
    if said is None or on_cpu(environment):
        return None
    return tuple(name.strip() for name in said.split(","))


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def port_is_taken(port: int) -> bool:
    """Whether somebody listens on a TCP port of this machine."""
    with socket.socket() as probe:
        # Else a port that was closed a minute ago counts as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False
