"""The process group of a run and the stop signals: opened once, always torn down."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
import transformers

from zoo.engines.groups import time_out
from zoo.errors import ConfigError, Fault, printable
from zoo.launching.processes import nvidia_gpus
from zoo.layout import Place
from zoo.recipe import Recipe, origin

SAME_REQUEST = 5.0  # seconds: launchers send several signals for one wish to stop


INSISTING = (signal.SIGTERM, signal.SIGINT)
NOTICE = signal.SIGUSR1
"""What a batch system sends ahead (Slurm: `--signal=USR1@300`), before the SIGTERM of its limit."""


class StopSignals:
    """Remembers the first SIGTERM, SIGINT or SIGUSR1, which is a notice.

    Of those that insist a second one, after five seconds, ends the process at once.
    """

    def __init__(self) -> None:
        self.number, self.since = 0, 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if number in INSISTING:
            if self.since and now - self.since > SAME_REQUEST:
                os._exit(128 + number)
            self.since = self.since or now
        self.number = self.number or number


@dataclass(frozen=True)
class Here:
    """This process in the group: its place, its device, and what all ranks do together."""

    place: Place
    device: torch.device
    signals: StopSignals = field(default_factory=StopSignals)
    control: Any = None
    """The group of all ranks that waits for disks and people, on the CPU; None: the default one."""

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes and speaks."""
        return self.place.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank; also a barrier."""
        if self.place.world == 1:
            return [value]
        values: list[Any] = [None] * self.place.world
        dist.all_gather_object(values, value, group=self.control)
        return values


def device_of(place: Place) -> torch.device:
    """The GPU of this rank where there is one (DS_ACCELERATOR=cpu says no), else the CPU.

    Raises ConfigError for more ranks than GPUs, and where torch cannot use a GPU that is there: a
    rank that turned to the CPU alone would wait for the others for ever.
    """
    if os.environ.get("DS_ACCELERATOR", "cuda") != "cuda":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", place.gpu(torch.cuda.device_count()))
    if torch.version.cuda is not None and nvidia_gpus(os.environ):
        found = f"an NVIDIA GPU that torch, built for CUDA {torch.version.cuda}, cannot use"
        allowed = "a driver that fits, or DS_ACCELERATOR=cpu to train on the CPU"
        raise ConfigError([Fault("environment", "GPU", found, allowed)])
    return torch.device("cpu")


def choose_accelerator(place: Place) -> None:
    """Tells deepspeed, before it is imported, and says less of other libraries' progress."""
    if device_of(place).type == "cpu":
        os.environ["DS_ACCELERATOR"] = "cpu"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")


def lone_store() -> Any:
    """What a process group of one process meets in, without a port: torch/distributed/__init__.py:
    HashStore (public, but its types do not say so).
    """
    return dist.HashStore()  # type: ignore[attr-defined]


def exact_fp32() -> None:
    """fp32 is IEEE's on every device: no TF32, which GPUs would take for convolutions (1e-3)."""
    backends: Any = torch.backends  # its types lack the names
    for one in (backends, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn):
        one.fp32_precision = "ieee"


@contextmanager
def world(place: Place) -> Iterator[Here]:
    """Joins the process group (NCCL on GPUs, gloo on CPUs) and takes over the stop signals.

    One process alone needs no rendezvous and no port. With an error in flight the group of several
    is not taken down: print it and leave the process at once.
    """
    device = device_of(place)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    for name, value in (
        ("RANK", place.rank),
        ("WORLD_SIZE", place.world),
        ("LOCAL_RANK", place.local_rank),
    ):
        os.environ.setdefault(name, str(value))
    if device.type == "cuda":  # DeepSpeed takes the GPU of this number, and holds mpirun's to it
        os.environ["LOCAL_RANK"] = str(device.index)
        os.environ.pop("OMPI_COMM_WORLD_LOCAL_RANK", None)
    exact_fp32()
    backend = "nccl" if device.type == "cuda" else "gloo"
    apart = backend == "nccl" and place.world > 1
    store = lone_store() if place.world == 1 else None
    dist.init_process_group(
        backend,
        store=store,
        rank=place.rank,
        world_size=place.world,
        timeout=time_out(),
        device_id=device if apart else None,
    )
    control = dist.new_group(backend="gloo", timeout=time_out()) if apart else None
    here = Here(place, device, control=control)
    before = {number: signal.signal(number, here.signals) for number in (*INSISTING, NOTICE)}
    try:
        yield here
        leave_group()
    except BaseException:
        if place.world == 1:
            leave_group()
        raise  # of several, others may wait in a collective, and would have to take part
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_group() -> None:
    """Takes the process group down in order; all ranks call it."""
    if dist.is_initialized():
        dist.destroy_process_group()


RULERS = {"train split": "data.train", "tokenizer": "model.tokenizer", "labels": "data.labels"}
"""The recipe key that rules what has a digest."""


def refuse_different(here: Here, recipe: Recipe, digests: Mapping[str, str]) -> None:
    """Raises a ConfigError on all ranks where one has another train split, tokenizer or labels than
    rank 0, as when each host trains a tokenizer of its own; every rank must call it.
    """
    (first, wanted), *others = here.gather((socket.gethostname(), dict(digests)))
    faults = []
    for name, key in RULERS.items():
        strange = [
            f"rank {rank} on {host}"
            for rank, (host, found) in enumerate(others, 1)
            if found.get(name) != wanted.get(name)
        ]
        if strange:
            found = f"another {name} on {', '.join(strange[:5])} than on rank 0 on {first}"
            allowed = "the same on all ranks: files and a data.cache that all hosts share"
            faults.append(Fault(origin(recipe, key), key, found, allowed))
    if faults:
        error = ConfigError(faults)
        error.everywhere = True
        raise error


def say(here: Here, text: str) -> None:
    """One line on stderr, from rank 0."""
    if here.first:
        print(printable(text), file=sys.stderr, flush=True)
