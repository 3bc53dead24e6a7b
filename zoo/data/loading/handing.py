"""One process of a data rank reads; what it makes is handed to those that hold the model with it.

Else each tensor rank and each stage of a pipeline would decode the same rows again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.data.rows import Batch

_TENSOR = "\0"  # the only key of what stands for a tensor: its dtype and its shape
_ALIGNED = 64  # bytes: where tensors begin in a message


class Channel(NamedTuple):
    """Where tensors of a micro-batch go: a group on the CPU (None: not to or from this rank), and
    whether it is given a key of the batch.
    """

    group: Any
    carries: Callable[[str], bool]


@dataclass(frozen=True)
class Hands:
    """Who of one data rank hands micro-batches to whom; the same channels in one order on each.

    Rank `source` reads for all in the group `everyone`, on the CPU. All say what a batch holds; of
    its tensors a rank has those of its channels.
    """

    rank: int
    source: int
    everyone: Any
    channels: Sequence[Channel]

    def give(self, share: Sequence[Batch]) -> None:
        """Hands micro-batches to the others, who `take` them at the same time.

        What could not be read stays with the source, which alone tells of it.
        """
        parts: list[list[list[Tensor]]] = []
        said: list[Any] = []
        for batch in share:
            told = {key: value for key, value in batch.items() if key != "fault"}
            parts.append([[] for _ in self.channels])
            said.append(
                {
                    key: _apart(value, parts[-1][self._channel(key)])
                    for key, value in (told | {"failures": []}).items()
                }
            )
        text = json.dumps(said, default=lambda number: number.item()).encode()
        head = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        dist.broadcast(torch.tensor([len(head)]), self.source, group=self.everyone)
        dist.broadcast(head, self.source, group=self.everyone)
        for batch_parts in parts:
            for channel, tensors in zip(self.channels, batch_parts, strict=True):
                if channel.group is not None and tensors:
                    dist.broadcast(_packed(tensors), self.source, group=channel.group)

    def take(self) -> list[Batch]:
        """The micro-batches that the source gives; a rank that is not given their inputs or their
        labels has none of these in a batch's "inputs" and "labels".
        """
        size = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(size, self.source, group=self.everyone)
        head = torch.empty(int(size), dtype=torch.uint8)
        dist.broadcast(head, self.source, group=self.everyone)
        return [self._taken(said) for said in json.loads(head.numpy().tobytes())]

    def _taken(self, said: dict[str, Any]) -> Batch:
        """One micro-batch, from what is said of it and its tensors."""
        of_key = {key: self._channel(key) for key in said}
        found: Batch = {}
        for number, channel in enumerate(self.channels):
            keys = [key for key in said if of_key[key] == number]
            forms = [form for key in keys for form in _forms(said[key])]
            if channel.group is None:
                found |= {key: {} if _forms(said[key]) else said[key] for key in keys}
                continue
            message = torch.empty(_ends(forms)[-1], dtype=torch.uint8)
            if forms:
                dist.broadcast(message, self.source, group=channel.group)
            tensors = iter(_views(message, forms))
            found |= {key: _together(said[key], tensors) for key in keys}
        return {key: found[key] for key in said}

    def _channel(self, key: str) -> int:
        return next(n for n, channel in enumerate(self.channels) if channel.carries(key))


def handed(hands: Hands | None, make: Callable[[], Iterator[list[Batch]]]) -> Iterator[list[Batch]]:
    """What `make` gives on the source, which alone calls it, on every rank of its data rank.

    All of them go through it together, and so far as each other. Without hands a rank reads alone.
    """
    if hands is None:
        yield from make()
    elif hands.rank == hands.source:
        for share in make():
            hands.give(share)
            yield share
        hands.give([])
    else:
        while share := hands.take():
            yield share


Form = tuple[torch.dtype, list[int]]


def _apart(value: Any, tensors: list[Tensor]) -> Any:
    """What JSON can say of a value; its tensors are added to the list, in their order."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return {_TENSOR: [str(value.dtype).removeprefix("torch."), *value.shape]}
    if isinstance(value, dict):
        return {key: _apart(inner, tensors) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_apart(inner, tensors) for inner in value]
    return value


def _forms(said: Any) -> list[Form]:
    """The tensors of what `_apart` said, in the same order."""
    if isinstance(said, dict):
        if _TENSOR in said:
            name, *shape = said[_TENSOR]
            return [(getattr(torch, name), shape)]
        return [form for inner in said.values() for form in _forms(inner)]
    return [form for inner in said for form in _forms(inner)] if isinstance(said, list) else []


def _together(said: Any, tensors: Iterator[Tensor]) -> Any:
    """The value that `_apart` took apart."""
    if isinstance(said, dict):
        if _TENSOR in said:
            return next(tensors)
        return {key: _together(inner, tensors) for key, inner in said.items()}
    return [_together(inner, tensors) for inner in said] if isinstance(said, list) else said


def _ends(forms: Sequence[Form]) -> list[int]:
    """From where on in a message each tensor lies, in bytes, and where the last one ends."""
    places = [0]
    for dtype, shape in forms:
        size = torch.Size(shape).numel() * dtype.itemsize
        places.append(places[-1] + -(-size // _ALIGNED) * _ALIGNED)
    return places


def _views(message: Tensor, forms: Sequence[Form]) -> list[Tensor]:
    """The tensors where they lie in a message, uint8 (bytes,)."""
    return [
        message[start : start + torch.Size(shape).numel() * dtype.itemsize].view(dtype).view(shape)
        for (dtype, shape), start in zip(forms, _ends(forms)[:-1], strict=True)
    ]


def _packed(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors in one message, uint8 (bytes,)."""
    forms: list[Form] = [(tensor.dtype, list(tensor.shape)) for tensor in tensors]
    message = torch.empty(_ends(forms)[-1], dtype=torch.uint8)
    for place, tensor in zip(_views(message, forms), tensors, strict=True):
        place.copy_(tensor)
    return message
