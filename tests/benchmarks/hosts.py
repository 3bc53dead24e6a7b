"""Two hosts on a slow link: what a pipeline and data parallelism send, and how long steps take.

`python -m tests.benchmarks.hosts [--mbit 100]` trains a GPT-2 of 13 M parameters, sequence 64,
batch 8, on two network namespaces and prints bytes a step (counters of the interfaces) and seconds.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hosts import Host, hosts, run_on
from tests.runs import CATALOG, rows

RECIPE = CATALOG / "nlp" / "gpt2-small-openwebtext.json"
MODEL = ("model.config.n_embd=416", "model.config.n_layer=6", "model.config.n_head=8")
SETTINGS = (
    *MODEL,
    *("task.sequence_length=64", "run.batch=8", "run.micro_batch=2", "run.log_every=1"),
    *("run.eval_every=0", "run.save_every=0", "data.max_valid_examples=8", "run.report_to=[]"),
)
LAYOUTS = {
    "data-2, ZeRO-1": ("parallel.zero.stage=1", "run.micro_batch=4"),
    "pipeline-2": ("parallel.pipeline.stages=2",),
}
FEW, MANY = 2, 8


def sent(made: Sequence[Host], folder: Path, steps: int, words: Sequence[str]) -> tuple[int, float]:
    """Bytes that both hosts sent in a run of `steps`, and the median step's seconds."""
    before = sum(host.sent() for host in made)
    run = ["-m", "zoo", "train", str(RECIPE), "--tiny", *SETTINGS, *words]
    run_on(made, [*run, f"run.folder={folder}", f"run.steps={steps}"])
    seconds = [row["step_seconds"] for row in rows(folder) if "step_seconds" in row]
    return sum(host.sent() for host in made) - before, statistics.median(seconds[1:] or seconds)


def main() -> None:
    """Prints one line a layout and the ratio of their bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mbit", type=int, default=100)
    mbit = parser.parse_args().mbit
    found = {}
    with TemporaryDirectory() as root, hosts(2, mbit) as made:
        for number, (name, words) in enumerate(LAYOUTS.items()):
            # The difference of two runs leaves out starting, which both share.
            few, _ = sent(made, Path(root) / f"{number}-few", FEW, words)
            many, seconds = sent(made, Path(root) / f"{number}-many", MANY, words)
            found[name] = (many - few) / (MANY - FEW)
            print(f"{name}: {found[name] / 1e6:.2f} MB a step, {seconds:.2f} s a step", flush=True)
    plain, pipeline = found.values()
    print(f"the pipeline moves {pipeline / plain:.3f} of the bytes (bar: 0.100)")


if __name__ == "__main__":
    main()
