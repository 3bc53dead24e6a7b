"""A pipeline's bubble: step time against the number of micro-batches, on two stages.

`python -m tests.benchmarks.bubble [--steps 8]` trains a GPT-2 large enough to measure with m = 1,
2, 4, 8 micro-batches of one size and holds the time against m + p - 1 passes; then it states the
pipeline's overhead over the sum of its parts (the same steps in one process, halved).
"""

import argparse
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.runs import CATALOG, train

RECIPE = CATALOG / "nlp" / "gpt2-small-openwebtext.json"
SETTINGS = (
    *("model.config.n_embd=256", "model.config.n_layer=8", "model.config.n_head=8"),
    *("run.log_every=1", "run.eval_every=0", "run.save_every=0", "run.report_to=[]"),
    *("run.micro_batch=8", "data.max_valid_examples=8", "parallel.pipeline.balance=time"),
)
STAGES, COUNTS, BAR = 2, (1, 2, 4, 8), 0.15


def seconds(world: int, micro_batches: int, steps: int, folder: Path) -> float:
    """The median step's seconds."""
    words = [
        *SETTINGS, f"run.batch={8 * micro_batches}", f"run.steps={steps}",
        f"parallel.pipeline.stages={world}",
    ]  # fmt: skip
    rows = train(world, RECIPE, folder, *words, timeout=900)
    return statistics.median([row["step_seconds"] for row in rows if "step_seconds" in row][2:])


def main() -> None:
    """Prints the table, the largest deviation and the overhead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    steps = parser.parse_args().steps
    with TemporaryDirectory() as root:
        found = {m: seconds(STAGES, m, steps, Path(root) / str(m)) for m in COUNTS}
        alone = seconds(1, COUNTS[-1], steps, Path(root) / "alone")
    last = COUNTS[-1]
    unit = found[last] / (last + STAGES - 1)
    print(
        "| micro-batches m | seconds a step | (m + p - 1) / m by the clock | by the formula | off |"
    )
    print("| --- | --- | --- | --- | --- |")
    worst = 0.0
    for m, spent in found.items():
        measured, formula = spent / (m * unit), (m + STAGES - 1) / m
        off = measured / formula - 1
        worst = max(worst, abs(off))
        print(f"| {m} | {spent:.3f} | {measured:.3f} | {formula:.3f} | {off:+.1%} |")
    ideal = alone / STAGES * (last + STAGES - 1) / last
    print(f"largest deviation {worst:.1%} (bar {BAR:.0%})")
    print(f"m = {last}: {found[last]:.3f} s against {ideal:.3f} s of its parts and bubble")


if __name__ == "__main__":
    main()
