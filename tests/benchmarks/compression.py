"""What compressed exchanges send and how long steps take, on hosts with slow links, in one run.

`python -m tests.benchmarks.compression [--hosts 2] [--mbit 100] [--ways NAME ...]` trains a GPT-2
of 13 M parameters on network namespaces and prints, for each way: bytes a step by the interfaces'
counters, bytes by the codecs' own formula, how many times fewer than fp32 all-reduce, and seconds.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hosts import Host, hosts, run_on
from tests.runs import CATALOG, rows

RECIPE = CATALOG / "nlp" / "gpt2-small-openwebtext.json"
SETTINGS = (
    *("model.config.n_embd=416", "model.config.n_layer=6", "model.config.n_head=8"),
    *("task.sequence_length=64", "run.batch=8", "run.micro_batch=2", "run.log_every=1"),
    *("run.eval_every=0", "run.save_every=0", "data.max_valid_examples=8", "run.report_to=[]"),
    *("parallel.zero.stage=0", "optimizer.scheduler=false"),
)
KIND = "parallel.compression.kind"
ONE_BIT = ("optimizer.type=OneBitAdam", "optimizer.params.freeze_step=1")
SGD = "optimizer=" + json.dumps({"type": "SGD", "params": {"lr": 0.01, "momentum": 0.9}})
NOW = "parallel.compression.start=0"
WAYS: dict[str, tuple[str, ...]] = {
    "fp32 all-reduce": (),
    "bf16": (f"{KIND}=bf16",),
    "int8": (f"{KIND}=int8",),
    "1-bit Adam": ONE_BIT,
    "1-bit Adam, ZeRO-1, sign": (
        *(*ONE_BIT, "parallel.zero.stage=1"),
        "optimizer.params.parameter_codec=sign",
    ),
    "1-bit Adam, ZeRO-1, int8": (
        *(*ONE_BIT, "parallel.zero.stage=1"),
        "optimizer.params.parameter_codec=int8",
    ),
    "top-k 1 %": (SGD, f"{KIND}=top-k", NOW),
    "PowerSGD rank 4": (SGD, f"{KIND}=power-sgd", NOW),
}
FEW, MANY = 3, 9


def measured(
    made: Sequence[Host], folder: Path, steps: int, words: Sequence[str]
) -> tuple[int, list[dict[str, float]]]:
    """Bytes that all hosts sent in a run of `steps`, and its training rows."""
    before = sum(host.sent() for host in made)
    run = ["-m", "zoo", "train", str(RECIPE), "--tiny", *words]
    run_on(made, [*run, f"run.folder={folder}", f"run.steps={steps}"], timeout=900)
    found = [row for row in rows(folder) if "step_seconds" in row]
    return sum(host.sent() for host in made) - before, found


def way(made: Sequence[Host], root: Path, name: str) -> tuple[float, float, float]:
    """Bytes a step and host by the counters, by the formula (0: DeepSpeed's own), and seconds."""
    types = [word for word in WAYS[name] if word.startswith(("optimizer=", "optimizer.type"))]
    rest = [word for word in WAYS[name] if word not in types]
    words = [*types, *SETTINGS, *rest]
    # The difference of two runs leaves out starting and the dense step, which both share.
    few, _ = measured(made, root / f"{name}-few", FEW, words)
    many, found = measured(made, root / f"{name}-many", MANY, words)
    sent = (many - few) / (MANY - FEW) / len(made)
    last = found[FEW:]
    seconds = statistics.median(row["step_seconds"] for row in last)
    return sent, float(last[-1].get("sent_bytes", 0)), seconds


def main() -> None:
    """Prints a line a way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--mbit", type=int, default=100, help="0: as fast as the machine is")
    parser.add_argument("--ways", nargs="*", default=[*WAYS])
    chosen = parser.parse_args()
    print(f"{chosen.hosts} hosts, {chosen.mbit or 'no'} Mbit/s")
    print("| way | MB a step and host | of the formula | times fewer | s a step | times faster |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    plain: tuple[float, float] | None = None
    with TemporaryDirectory() as root, hosts(chosen.hosts, chosen.mbit or None) as made:
        for name in chosen.ways:
            sent, formula, seconds = way(made, Path(root), name)
            plain = plain or (sent, seconds)
            parts = [f"{sent / 1e6:.3f}", f"{sent / formula:.3f}" if formula else ""]
            parts += [f"{plain[0] / sent:.1f}", f"{seconds:.3f}", f"{plain[1] / seconds:.2f}"]
            print(f"| {name} | " + " | ".join(parts) + " |", flush=True)


if __name__ == "__main__":
    main()
