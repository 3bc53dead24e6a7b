"""The heart: the same recipe gives the same losses on every layout."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.runs import MATCHED, SHELF, SHORT, TWINS, furthest, losses, train_each, twin

OFFLOAD = (
    'parallel.zero={"stage": 3, "offload_optimizer": {"device": "cpu"},'
    ' "offload_param": {"device": "cpu"}}'
)
LAYOUTS = {
    "zero-0": "parallel.zero.stage=0",
    "zero-1": "parallel.zero.stage=1",
    "zero-2": "parallel.zero.stage=2",
    "zero-3": "parallel.zero.stage=3",
    "zero-3-offload": OFFLOAD,
}
# In the middle of a run, with every parameter partitioned under ZeRO 3, and more ranks than texts.
WRITING = ("run.eval_every=10", "parallel.zero.stage3_param_persistence_threshold=0")
# ResNet at its twin's own rate (2e-3) amplifies ZeRO 3's other order of additions a thousandfold
# within ten steps (a ReLU at its kink flips, 1.7e-4 at step 20); a quarter of the rate does not.
DROPOUT = {
    "causal-lm": [
        *("model.config.resid_pdrop=0.1", "model.config.embd_pdrop=0.1"),
        "task.sequence_length=32",
    ],
    "masked-lm": ["model.config.hidden_dropout_prob=0.1"],
    "sequence-classification": ["model.config.hidden_dropout_prob=0.1"],
    "image-classification": ["task.augment.mixup=0.2", "optimizer.params.lr=5e-4"],
    "object-detection": [*MATCHED, "run.micro_batch=4"],
    "ctc": ["model.config.encoder_config.dropout=0.1", "run.batch=8", "run.micro_batch=4"],
    "sequence-to-sequence": ["model.config.dropout_rate=0.1", *WRITING],
    "speech-seq2seq": ["model.config.dropout=0.1", "run.batch=8", "run.micro_batch=4", *WRITING],
}


STEPS = 10  # the parity matrix takes twenty (tests/benchmarks/parity.py)


@pytest.mark.ranks(2)
@pytest.mark.parametrize("kind", TWINS)
def test_every_layout_gives_the_losses_of_one_process(kind: str, tmp_path: Path) -> None:
    compare(kind, LAYOUTS, tmp_path)


@pytest.mark.ranks(2)
@pytest.mark.parametrize("kind", SHELF)
def test_zero_3_gives_the_losses_of_one_process(kind: str, tmp_path: Path) -> None:
    compare(kind, ["zero-3"], tmp_path)


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("kind", SHELF)
def test_every_layout_of_the_shelf_gives_the_losses_of_one_process(
    kind: str, tmp_path: Path
) -> None:
    compare(kind, LAYOUTS, tmp_path)


def compare(kind: str, names: Iterable[str], folder: Path) -> None:
    """Trains the kind's twin in one process and on two ranks in each of these layouts."""
    common = [*SHORT, f"run.steps={STEPS}", *DROPOUT.get(kind, [])]
    layouts = {name: (2, (LAYOUTS[name],)) for name in names}
    train_each(twin(kind), folder, {"one": (1, ()), **layouts}, *common)
    one = losses(folder / "one")
    found = {name: furthest(losses(folder / name), one) for name in layouts}
    print(f"parity {kind}: {found}")
    assert max(found.values()) < 1e-4, found


@pytest.mark.ranks(2)
def test_in_bf16_zero_3_computes_what_one_process_computes_without_zero(tmp_path: Path) -> None:
    # Steps beyond the warm-up: biases have left zero then, and rounding around them shows.
    words = [*SHORT, *DROPOUT["ctc"], "model.config.encoder_config.dropout=0.0"]
    words += ["run.precision=bf16", "run.steps=6", "optimizer.params.lr=1e-3"]
    runs = {"one": (1, ()), "zero-3": (2, (LAYOUTS["zero-3"],))}
    train_each(twin("ctc"), tmp_path, runs, *words)
    assert furthest(losses(tmp_path / "zero-3"), losses(tmp_path / "one")) < 2e-4
