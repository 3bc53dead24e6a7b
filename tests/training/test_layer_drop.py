"""LayerDrop leaves out the same layers everywhere, and what it left out is not updated."""

from pathlib import Path

import pytest

from tests.runs import LAYOUTS, LIGHT, SHORT, furthest, losses, train_each, twin

RATE = "model.config.encoder_config.layerdrop"
CALM = "optimizer.params.lr=1e-3"  # at its twin's own rate the Conformer amplifies: see parity


def apart(root: Path, rate: float, steps: int, *names: str) -> dict[str, float]:
    """How far the losses of layouts are from one process at ZeRO 0; `one-3` is that at stage 3."""
    runs = {"one": (1, ("parallel.zero.stage=0",)), "one-3": (1, ("parallel.zero.stage=3",))}
    runs = {name: (runs | LAYOUTS)[name] for name in ("one", *names)}
    words = [*SHORT, *LIGHT["ctc"], f"run.steps={steps}", f"{RATE}={rate}", CALM]
    train_each(twin("ctc"), root, runs, *words)
    one = losses(root / "one")
    return {name: furthest(losses(root / name), one) for name in names}


def test_a_layer_left_out_is_not_updated_by_its_last_gradient(tmp_path: Path) -> None:
    assert apart(tmp_path, 0.5, 5, "one-3")["one-3"] < 1e-4


@pytest.mark.slow
@pytest.mark.ranks(4)
def test_layer_drop_is_the_same_on_every_layout(tmp_path: Path) -> None:
    names = ("data-2", "zero-1", "zero-2", "zero-3", "pipeline-2", "pipeline-2 x data-2")
    found = apart(tmp_path, 0.1, 20, *names)
    print(f"layer drop: {found}")
    assert max(found.values()) < 1e-4, found
