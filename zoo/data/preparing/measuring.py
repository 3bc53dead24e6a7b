"""What is measured of each of many rows or files, by several processes: the same whoever does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from zoo.data.preparing.crew import crew
from zoo.data.preparing.pool import worked
from zoo.data.preparing.telling import told

T = TypeVar("T")
_FEW = 8  # blocks, which one process measures before another has begun


@dataclass(frozen=True)
class _Placed(Generic[T]):
    """What is measured, and where it begins: blocks come as they become ready."""

    measure: Callable[[int, int], T]

    def __call__(self, start: int, stop: int) -> tuple[int, T]:
        return start, self.measure(start, stop)


def measured(what: str, measure: Callable[[int, int], T], count: int, block: int) -> list[T]:
    """What `measure` gives of each block of so many of `count` rows, called with the first and the
    one behind the last; in their order.

    `measure` crosses to other processes where there are many blocks, and tells there of nothing;
    what goes on is told as `what`. Raises what it raises.
    """
    placed = _Placed(measure)
    blocks = [(start, min(start + block, count)) for start in range(0, count, block)]
    processes = crew().size if len(blocks) > _FEW else 1
    made = (placed(*one) for one in blocks)
    found: dict[int, T] = {}
    with told(what, count, 0, "rows") as tell:
        for start, one in worked(placed, iter(blocks), processes) if processes > 1 else made:
            found[start] = one
            tell(min(block, count - start))
    return [found[start] for start, _ in blocks]
