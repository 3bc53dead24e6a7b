"""The next micro-batches on their way to the GPU while a step is taken."""

import queue
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Protocol

import torch
from torch import Tensor

from zoo.data.rows import Batch
from zoo.engines.engine import each_tensor

Share = list[Batch]
_MOVED = ("inputs", "labels")  # "count" is asked for on the CPU
_MOST = 256 << 20  # bytes of a share that lie on the GPU ahead of their step
_PATIENCE = 5.0  # seconds that the end waits for what is still being read


def prefetched(shares: Iterator[Share], device: torch.device) -> Iterator[Share]:
    """The same shares in the same order, with inputs and labels on the device where it is a GPU:
    the next one is read, pinned and copied by a thread of its own while this one is worked on.

    What is made of inputs there (`Task.on_device`) is left to the step, and so are the last
    micro-batches of a large share, which the step moves itself. On a CPU nothing is done.
    """
    if device.type != "cuda":
        return shares
    return one_ahead(shares, _copies(device))


class Copies:
    """Copies shares to a GPU on a stream beside the one that computes."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)

    def begin(self, share: Share) -> tuple[Share, Any]:
        """The share with its tensors under way, and the event of their arrival.

        Memory that is pinned here is torch's, which keeps it until its copy is done.
        """
        there: Share = []
        room = _MOST
        with torch.cuda.device(self.device), torch.cuda.stream(self.stream):
            for batch in share:
                moving = {key: batch[key] for key in _MOVED if key in batch}
                room -= sum(one.nbytes for one in _tensors(moving))
                there.append(batch | each_tensor(moving, self._sent) if room >= 0 else batch)
            return there, self.stream.record_event()

    def _sent(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def arrived(self, begun: tuple[Share, Any]) -> Share:
        """The share, for whom computes on the current stream from now on.

        That stream waits for the copies; and what it uses is not given to the next copies before it
        is done with it.
        """
        share, event = begun
        computing = torch.cuda.current_stream(self.device)
        computing.wait_event(event)
        for tensor in _tensors([[batch.get(key) for key in _MOVED] for batch in share]):
            if tensor.is_cuda:
                tensor.record_stream(computing)
        return share


@cache
def _copies(device: torch.device) -> Copies:
    """The one stream of a device: memory that was used on it is used again on it alone."""
    return Copies(device)


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in nested mappings and lists."""
    found: list[Tensor] = []
    each_tensor(value, found.append)
    return found


class Moves(Protocol):
    """How a share comes to where it is worked on: begun by the thread, ended by whoever asks."""

    def begin(self, share: Share, /) -> Any: ...

    def arrived(self, begun: Any, /) -> Share: ...


def one_ahead(shares: Iterator[Share], moves: Moves) -> Iterator[Share]:
    """The shares, of which a thread reads the next one while its caller works on the last.

    What reading raises is raised where that share is asked for. The thread begins with the first
    share that is asked for and ends with this iterator.
    """
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    found: queue.SimpleQueue[Callable[[], Share]] = queue.SimpleQueue()
    thread = threading.Thread(target=_read, args=(shares, moves, wanted, found), daemon=True)
    thread.start()
    wanted.put(True)
    try:
        while share := found.get()():
            wanted.put(True)
            yield share
    finally:
        wanted.put(False)
        thread.join(_PATIENCE)


def _read(
    shares: Iterator[Share],
    moves: Moves,
    wanted: "queue.SimpleQueue[bool]",
    found: "queue.SimpleQueue[Callable[[], Share]]",
) -> None:
    """What the thread does: for each share that is wanted puts how to take it, which raises what
    reading it has raised, and gives nothing after the last.
    """
    while wanted.get():
        try:
            found.put(_begun(shares, moves))
        except BaseException as error:
            found.put(partial(_raise, error))


def _begun(shares: Iterator[Share], moves: Moves) -> Callable[[], Share]:
    share = next(shares, [])
    return partial(moves.arrived, moves.begin(share)) if share else list


def _raise(error: BaseException) -> Share:
    raise error
