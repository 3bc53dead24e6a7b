"""A micro-batch that is rehearsed before a step leaves no trace, however the step is taken."""

from typing import Any

import pytest

from tests.engines.test_skipping import HOW, MODEL_RANKS, built, different, state
from tests.ranks import run_ranks
from zoo.layout import Place
from zoo.training.world import world

QUICK = ["ZeRO 0", "ZeRO 3", "local-sgd"]
REST = [how for how in HOW if how not in (*QUICK, *MODEL_RANKS)]


def losses_of(how: str, rehearsed: bool, here: Any) -> tuple[Any, list[str]]:
    """Loss, norm and rate of five steps, and what rehearsals changed before two of them (where the
    state is read in any case: ranks that step alone meet for it).
    """
    engine, batches = built(how, here)
    shares, changed, told = [next(batches) for _ in range(6)], [], []
    for number, share in enumerate(shares[:5]):
        if number in (0, 3):
            before = state(engine)
            if rehearsed:
                engine.rehearse(shares[5][0])
            changed += different(before, state(engine))
        step = engine.train_batch(share)
        told.append((step.loss, step.grad_norm, step.lr, step.skipped, step.sent))
    counts = engine.counters()
    engine.close()
    return (told, counts), changed


def twice(names: list[str]) -> dict[str, Any]:
    """Each way with rehearsals before the first step and in the middle, and without."""
    with world(Place.from_environment()) as here:
        return {how: (losses_of(how, True, here), losses_of(how, False, here)) for how in names}


def once(how: str, rehearsed: bool) -> Any:
    """The same of one engine: DeepSpeed's own groups are of a process."""
    with world(Place.from_environment()) as here:
        return losses_of(how, rehearsed, here)


@pytest.mark.ranks(2)
@pytest.mark.parametrize("names", [QUICK, pytest.param(REST, marks=pytest.mark.slow)])
def test_losses_and_state_are_the_same_bit_for_bit(names: list[str]) -> None:
    for found in run_ranks(2, twice, names, timeout=500):
        for how in names:
            (rehearsed, changed), (plain, _) = found[how]
            assert changed == [], how
            assert rehearsed == plain, how


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("how", MODEL_RANKS)
def test_so_they_are_where_ranks_hold_a_model_together(how: str) -> None:
    with_it, without = (run_ranks(2, once, how, rehearsed) for rehearsed in (True, False))
    for (rehearsed, changed), (plain, _) in zip(with_it, without, strict=True):
        assert changed == []
        assert rehearsed == plain
