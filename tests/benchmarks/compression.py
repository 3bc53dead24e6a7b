"""What compressed exchanges send and how long steps take, on hosts with slow links, in one run.

`python -m tests.benchmarks.compression [--hosts 2] [--mbit 100 1000 0] [--plot FILE]` trains a
GPT-2 of 13.6 M parameters, one sequence of 16 tokens a rank and step, on network namespaces and
prints a table for each speed (0: as fast as the machine is): bytes a step by the interfaces'
counters and how far they are from the codecs' own formula, seconds, and the share of encoding.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hosts import Host, hosts, run_on
from tests.runs import CATALOG, rows

RECIPE = CATALOG / "nlp" / "gpt2-small-openwebtext.json"
SETTINGS = (
    *("model.config.n_embd=432", "model.config.n_layer=6", "model.config.n_head=8"),
    *("task.sequence_length=16", "run.micro_batch=1", "run.log_every=1"),
    *("run.eval_every=0", "run.save_every=0", "data.max_valid_examples=8", "run.report_to=[]"),
    *("parallel.zero.stage=0", "optimizer.scheduler=false", "data.workers=0"),
)
KIND = "parallel.compression.kind"
ONE_BIT = (
    "optimizer.type=OneBitAdam",
    "optimizer.params.lr=1e-3",
    "optimizer.params.freeze_step=1",
)
OWNERS = (*ONE_BIT, "parallel.zero.stage=1")
CODEC = "optimizer.params.parameter_codec"
SGD = "optimizer=" + json.dumps({"type": "SGD", "params": {"lr": 0.01, "momentum": 0.9}})
NOW = "parallel.compression.start=0"
WAYS: dict[str, tuple[str, ...]] = {
    "fp32 all-reduce": (),
    "bf16": (f"{KIND}=bf16",),
    "int8": (f"{KIND}=int8",),
    "int4": (f"{KIND}=int4", NOW),
    "1-bit Adam": ONE_BIT,
    "1-bit Adam, ZeRO-1, sign": (*OWNERS, f"{CODEC}=sign"),
    "1-bit Adam, ZeRO-1, int8": (*OWNERS, f"{CODEC}=int8"),
    "top-k 1 %": (SGD, f"{KIND}=top-k", NOW),
    "PowerSGD rank 4": (SGD, f"{KIND}=power-sgd", NOW),
}
FIRST, STEPS = 3, 13
HEADS = (
    *("way", "MB a step and host", "of the formula", "times fewer"),
    *("s a step", "times faster", "encoding"),
)


@dataclass(frozen=True)
class Found:
    """One way at one speed: bytes a step and host, the formula's, seconds, those of encoding."""

    sent: float
    formula: float
    seconds: float
    encoding: float

    def cells(self, plain: "Found") -> list[str]:
        """A line of the table."""
        return [
            f"{self.sent / 1e6:.3f}",
            f"{self.sent / self.formula:.3f}",
            f"{plain.sent / self.sent:.1f}",
            f"{self.seconds:.3f}",
            f"{plain.seconds / self.seconds:.2f}",
            f"{self.encoding / self.seconds:.0%}",
        ]


def way(made: Sequence[Host], root: Path, name: str) -> Found:
    """Trains one way; what starting and the first, dense step took is left out."""
    types = [word for word in WAYS[name] if word.startswith(("optimizer=", "optimizer.type"))]
    rest = [word for word in WAYS[name] if word not in types]
    folder, timing = root / name, root / f"{name}.json"
    words = [*types, *SETTINGS, f"run.batch={len(made)}", *rest, f"run.folder={folder}"]
    run = ["-m", "tests.benchmarks.timed", str(timing), "train", str(RECIPE), "--tiny"]
    run_on(made, [*run, *words, f"run.steps={STEPS}"], timeout=900)
    watched = [
        json.loads(Path(f"{timing}.{rank}").read_text(encoding="utf-8"))
        for rank in range(len(made))
    ]
    sent = [(one["sent"][-1] - one["sent"][FIRST - 1]) / (STEPS - FIRST) for one in watched]
    last = [row for row in rows(folder) if "step_seconds" in row][FIRST:]
    return Found(
        statistics.mean(sent),
        last[-1].get("sent_bytes") or watched[0]["whole"],
        statistics.median(row["step_seconds"] for row in last),
        statistics.mean(one["encoding"] for one in watched),
    )


def plot(file: Path, found: dict[int, dict[str, Found]]) -> None:
    """Seconds a step of each way, a panel a speed, what is encoding in the darker colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(found), figsize=(5 * len(found), 4), squeeze=False)
    for panel, (mbit, ways) in zip(panels[0], found.items(), strict=True):
        names = list(ways)[::-1]
        panel.barh(names, [ways[name].seconds for name in names], color="#9ecae1", label="step")
        panel.barh(names, [ways[n].encoding for n in names], color="#08519c", label="encoding")
        panel.set(title=f"{mbit or 'no'} Mbit/s limit", xlabel="seconds a step")
    panels[0][0].legend()
    figure.tight_layout()
    figure.savefig(file)


def main() -> None:
    """Prints a table a speed and saves a plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--mbit", type=int, nargs="*", default=[100, 1000, 0])
    parser.add_argument("--ways", nargs="*", default=[*WAYS])
    parser.add_argument("--plot", type=Path, help="a picture, .png or .svg")
    chosen = parser.parse_args()
    found: dict[int, dict[str, Found]] = {}
    for mbit in chosen.mbit:
        ways = found.setdefault(mbit, {})
        print(f"\n{chosen.hosts} hosts, {mbit or 'no'} Mbit/s\n")
        print("| " + " | ".join(HEADS) + " |")
        print("| --- " * len(HEADS) + "|", flush=True)
        with (
            TemporaryDirectory() as root,
            hosts(chosen.hosts, mbit or None) as made,
        ):
            for name in chosen.ways:
                ways[name] = way(made, Path(root), name)
                cells = ways[name].cells(next(iter(ways.values())))
                print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if chosen.plot:
        plot(chosen.plot, found)


if __name__ == "__main__":
    main()
