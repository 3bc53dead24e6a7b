"""How what ranks must hold is told: a table of parameters and bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zoo.telling.page import Page

HEADS = ["a rank of", "", "parameters", "weights", "gradients", "optimizer", "together"]
NOT_COUNTED = (
    "bytes that a rank keeps from step to step, masters and moments as optimizer; not counted:"
    " activations, what is gathered and sent for a moment, a compressor's state, CUDA's own"
)
BY_TIME = (
    "parallel.pipeline.balance is time: a run measures where it cuts stages; here they are cut by"
    " parameters"
)


@dataclass(frozen=True)
class Kept:
    """What a rank has of some parameters: their number, and bytes of each use."""

    parameters: int
    weights: int
    gradients: int
    optimizer: int

    @property
    def together(self) -> int:
        """All bytes."""
        return self.weights + self.gradients + self.optimizer

    def __add__(self, other: "Kept") -> "Kept":
        mine, theirs = vars(self).values(), vars(other).values()
        return Kept(*(one + two for one, two in zip(mine, theirs, strict=True)))


@dataclass(frozen=True)
class Share:
    """What a rank keeps: of what is trained, and of what is not."""

    who: str
    trained: Kept
    frozen: Kept


def memory_page(
    layout: str, shares: Sequence[Share], trained: int, frozen: int, by_time: bool = False
) -> Page:
    """A table of shares, and how many parameters of the whole model are trained; `by_time`: a run
    cuts its stages by what it measures.
    """
    total = trained + frozen
    lines = [
        f"{layout}: {total:,} parameters, {trained:,} trained ({trained / total:.2%}), "
        f"{frozen:,} frozen",
        NOT_COUNTED,
        *([BY_TIME] if by_time else []),
    ]
    content = {
        "layout": layout,
        "parameters": {"trained": trained, "frozen": frozen},
        "ranks": [
            {"of": one.who, "trained": vars(one.trained), "frozen": vars(one.frozen)}
            for one in shares
        ],
    }
    rows = [row for one in shares for row in rows_of(one)]
    return Page([(HEADS, rows)], lines, content)


def rows_of(share: Share) -> Iterator[list[str]]:
    """The lines of one kind of rank: trained, frozen, and both where there are both."""
    uses = {"trained": share.trained, "frozen": share.frozen}
    if share.frozen.parameters:
        uses["both"] = share.trained + share.frozen
    for number, (use, kept) in enumerate(uses.items()):
        if not kept.parameters:
            continue
        sizes = [*list(vars(kept).values())[1:], kept.together]
        who = "" if number else share.who
        yield [who, use, f"{kept.parameters:,}", *map(size, sizes)]


def size(count: int) -> str:
    """Bytes in the unit in which they are read."""
    for unit, width in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= width:
            return f"{count / width:.2f} {unit}"
    return f"{count} B"
