"""Where a process stands: pure arithmetic on ranks, without torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ConfigError, Fault


@dataclass(frozen=True)
class Place:
    """This process among all: ranks count from 0; one process when no launcher says otherwise."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Place":
        """Reads RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE as every launcher sets them."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        values = [environment.get(name) for name in names]
        faults = [
            Fault("environment", name, value, "a whole number")
            for name, value in zip(names, values, strict=True)
            if value is not None and whole_number(value) is None
        ]
        if faults:
            raise ConfigError(faults)
        rank, world, local_rank, local_world = (
            whole_number(value) if value is not None else None for value in values
        )
        world = 1 if world is None else world
        if (rank or 0) >= world:
            found, allowed = f"{rank or 0} of {world} processes", "a rank below WORLD_SIZE"
            raise ConfigError([Fault("environment", "RANK", found, allowed)])
        return cls(rank or 0, world, local_rank or 0, local_world or world)


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
    """How many ways the model is cut: pipeline stages, data ranks, tensor ranks (fastest axis
    last).

    The order of axes is DeepSpeed's PipeModelDataParallelTopology: (pipe, data, tensor).
    """

    pipe: int
    data: int
    tensor: int

    @classmethod
    def fit(cls, world: int, pipe: int = 1, tensor: int = 1) -> "Layout":
        """Data parallelism is what is left of `world`; a ConfigError names every number if none
        is.
        """
        if world % (pipe * tensor):
            found = f"{pipe} stages x {tensor} tensor ranks on {world} processes"
            allowed = f"a number of processes that {pipe * tensor} divides"
            raise ConfigError([Fault("launcher", "parallel", found, allowed)])
        return cls(pipe, world // (pipe * tensor), tensor)

    @property
    def world(self) -> int:
        return self.pipe * self.data * self.tensor

    def stage(self, rank: int) -> int:
        """The pipeline stage of a rank."""
        return rank // (self.data * self.tensor)

    def data_rank(self, rank: int) -> int:
        """Which share of the micro-batches a rank takes."""
        return rank // self.tensor % self.data

    def tensor_rank(self, rank: int) -> int:
        """Which slice of the split matrices a rank holds."""
        return rank % self.tensor

    def peers(self, *axes: str) -> list[list[int]]:
        """All ranks in groups that differ only along `axes`: "pipe", "data", "tensor"."""
        places = {"pipe": self.stage, "data": self.data_rank, "tensor": self.tensor_rank}
        found: dict[tuple[int, ...], list[int]] = {}
        for rank in range(self.world):
            key = tuple(place(rank) for axis, place in places.items() if axis not in axes)
            found.setdefault(key, []).append(rank)
        return list(found.values())

    def describe(self) -> str:
        """The layout in words, largest cut first."""
        parts = [
            f"{self.pipe} stages" if self.pipe > 1 else "",
            f"{self.tensor} tensor ranks" if self.tensor > 1 else "",
            f"{self.data} data ranks",
        ]
        return " x ".join(part for part in parts if part)


@dataclass(frozen=True)
class Part:
    """What a tensor rank holds of a full tensor: slices of one dimension, joined in their order."""

    dim: int
    slices: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """The length of the dimension in the part."""
        return sum(stop - start for start, stop in self.slices)

    def shape(self, full: tuple[int, ...]) -> tuple[int, ...]:
        """The part's own shape."""
        return (*full[: self.dim], self.size, *full[self.dim + 1 :])
