"""Where a process stands: pure arithmetic on ranks, without torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from zoo.errors import ConfigError, Fault


@dataclass(frozen=True)
class Starter:
    """The variables by which a program that starts copies of another tells each its place."""

    size: str
    rank: str
    local_rank: str
    instead: str
    """The command that starts the copies as one run."""


_SLURM = "zoo launch RECIPE --with slurm --nodes N --per-node M (or sbatch launchers/slurm.sh)"
_MPI = "zoo launch RECIPE --per-node M (on several machines --hostfile HOSTS)"
STARTERS = (
    Starter("SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", _SLURM),
    Starter("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", _MPI),
    Starter("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_LOCAL_RANK", _MPI),
    Starter("PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", _MPI),
    Starter("FLUX_JOB_SIZE", "FLUX_TASK_RANK", "FLUX_TASK_LOCAL_ID", _MPI),
    Starter("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_LOCAL_RANK", _MPI),
)
"""srun, mpirun (Open MPI, MVAPICH, MPICH and Intel by PMI), flux run, jsrun."""


@dataclass(frozen=True)
class Place:
    """This process among all: ranks count from 0; one process when no launcher says otherwise."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    def neighbours(self, environment: Mapping[str, str] = os.environ) -> range:
        """The ranks of this machine, as far as the launcher says how many they are; else all."""
        names = ("LOCAL_WORLD_SIZE", "LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE")
        counts = [found for name in names if (found := whole_number(environment.get(name, "")))]
        if not counts:
            return range(self.world)
        first = self.rank - self.local_rank
        return range(first, min(first + counts[0], self.world))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Place":
        """Reads RANK, WORLD_SIZE and LOCAL_RANK as every launcher sets them.

        Raises ConfigError for what is no place, and where RANK is not set although srun or mpirun
        started several processes: each would train alone and write the same folder.
        """
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        faults = [
            Fault("environment", name, environment[name], "a whole number")
            for name in names
            if name in environment and whole_number(environment[name]) is None
        ]
        if "RANK" not in environment:
            faults += _lone_copies(environment)
        if faults:
            raise ConfigError(faults)
        rank, world, local_rank = (whole_number(environment.get(name, "")) for name in names)
        world = 1 if world is None else world
        if (rank is None and world > 1) or (rank or 0) >= world:
            found = f"{'nothing' if rank is None else rank} of {world} processes"
            raise ConfigError([Fault("environment", "RANK", found, "a rank below WORLD_SIZE")])
        if local_rank is None and world > 1:
            local_rank = _local_rank_of_starter(environment)
        return cls(rank or 0, world, local_rank or 0)

    def gpu(self, visible: int) -> int:
        """Which of the GPUs that this process sees is its own: the only one, else by local rank.

        A scheduler may show each process its own GPU alone. Raises ConfigError where there are
        several, and fewer than processes on the machine.
        """
        if visible > 1 and self.local_rank >= visible:
            found = f"{self.local_rank} with {visible} visible GPUs"
            allowed = "one process a GPU: fewer on this machine, or all its GPUs visible"
            raise ConfigError([Fault("environment", "LOCAL_RANK", found, allowed)])
        return self.local_rank if visible > 1 else 0


def _lone_copies(environment: Mapping[str, str]) -> list[Fault]:
    """A fault if several processes were started, and nobody made ranks of them."""
    for starter in STARTERS:
        count = whole_number(environment.get(starter.size, "")) or 1
        # Slurm's shells (salloc) know the number of tasks, too; its tasks alone have a rank.
        if count > 1 and (starter.rank in environment or starter.rank != "SLURM_PROCID"):
            found = f"{count} processes, and RANK is not set"
            allowed = f"{starter.instead}; RANK=0 WORLD_SIZE=1 for one process alone"
            return [Fault("environment", starter.size, found, allowed)]
    return []


def _local_rank_of_starter(environment: Mapping[str, str]) -> int | None:
    """This process's place on its machine where LOCAL_RANK is not set, if its starter says it."""
    found = (whole_number(environment.get(starter.local_rank, "")) for starter in STARTERS)
    return next((rank for rank in found if rank is not None), None)


AXES = ("pipe", "data", "tensor")
"""The axes along which ranks stand, slowest first: a new one is a new name here and in WORDS."""
WORDS = {"pipe": "stages", "data": "data ranks", "tensor": "tensor ranks"}


def whole_number(text: str) -> int | None:
    """The number that digits say, as launchers write ranks and counts; None for another text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def working_directory() -> Path:
    """Where relative paths of the command line start; ConfigError if it has been deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        found, allowed = "a folder that was deleted", "a folder that exists"
        raise ConfigError([Fault("environment", "working directory", found, allowed)]) from None


@dataclass(frozen=True)
class Layout:
    """How many ways the work is cut along each axis: pipeline stages, data ranks, tensor ranks.

    `degrees` stand in the order of AXES, which is that of DeepSpeed's
    PipeModelDataParallelTopology: neighbouring ranks differ along the last.
    """

    degrees: tuple[int, ...]

    @classmethod
    def of(cls, **degrees: int) -> "Layout":
        """A layout of the named degrees; an axis that is not named is not cut."""
        assert degrees.keys() <= {*AXES}, f"axes are {AXES}, not {[*degrees]}"
        return cls(tuple(degrees.get(axis, 1) for axis in AXES))

    @classmethod
    def fit(cls, world: int, **cut: int) -> "Layout":
        """Data parallelism is what `cut` leaves of `world`; a ConfigError names every number if
        none is.
        """
        rest = cls.of(**cut)
        if world % rest.world:
            named = (axis for axis in AXES if axis != "data")
            ways = " x ".join(f"{rest.degree(axis)} {WORDS[axis]}" for axis in named)
            allowed = f"a number of processes that {rest.world} divides"
            raise ConfigError(
                [Fault("launcher", "parallel", f"{ways} on {world} processes", allowed)]
            )
        return cls.of(**cut, data=world // rest.world)

    def degree(self, *axes: str) -> int:
        """How many ranks differ only along `axes`."""
        return prod(self.degrees[AXES.index(axis)] for axis in axes)

    @property
    def world(self) -> int:
        """The number of all ranks."""
        return prod(self.degrees)

    @property
    def pipe(self) -> int:
        """The number of pipeline stages."""
        return self.degree("pipe")

    @property
    def data(self) -> int:
        """The number of ranks that share out the micro-batches."""
        return self.degree("data")

    @property
    def tensor(self) -> int:
        """The number of ranks that share one matrix."""
        return self.degree("tensor")

    def place(self, rank: int, axis: str) -> int:
        """Where a rank stands along an axis, from 0."""
        at = AXES.index(axis)
        return rank // prod(self.degrees[at + 1 :]) % self.degrees[at]

    def stage(self, rank: int) -> int:
        """The pipeline stage of a rank."""
        return self.place(rank, "pipe")

    def data_rank(self, rank: int) -> int:
        """Which share of the micro-batches a rank takes."""
        return self.place(rank, "data")

    def tensor_rank(self, rank: int) -> int:
        """Which slice of the split matrices a rank holds."""
        return self.place(rank, "tensor")

    def reads(self, rank: int) -> bool:
        """Whether a rank reads rows for all that hold one model with it: of the first stage the
        first tensor rank.
        """
        return self.stage(rank) == 0 and self.tensor_rank(rank) == 0

    def peers(self, *axes: str) -> list[list[int]]:
        """All ranks in groups that differ only along `axes`."""
        found: dict[tuple[int, ...], list[int]] = {}
        for rank in range(self.world):
            key = tuple(self.place(rank, axis) for axis in AXES if axis not in axes)
            found.setdefault(key, []).append(rank)
        return list(found.values())

    def describe(self) -> str:
        """The layout in words: what is cut, the data ranks last and always."""
        cut = [axis for axis in AXES if axis != "data" and self.degree(axis) > 1]
        return " x ".join(f"{self.degree(axis)} {WORDS[axis]}" for axis in (*cut, "data"))


Slices = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Part:
    """What a rank holds of a full tensor: of each cut dimension slices, joined in their order.

    `cuts` are (dimension, slices) by rising dimension; of the others the part has all.
    """

    cuts: tuple[tuple[int, Slices], ...]

    @classmethod
    def along(cls, dim: int, slices: Slices) -> "Part":
        """A part that is cut along one dimension."""
        return cls(((dim, slices),))

    def slices(self, dim: int) -> Slices | None:
        """What the part has of a dimension; None: all of it."""
        return dict(self.cuts).get(dim)

    def shape(self, full: tuple[int, ...]) -> tuple[int, ...]:
        """The part's own shape."""
        own = list(full)
        for dim, slices in self.cuts:
            own[dim] = sum(stop - start for start, stop in slices)
        return tuple(own)
