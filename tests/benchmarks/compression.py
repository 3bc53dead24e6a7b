"""What compressed exchanges send and how long steps take, on hosts with slow links, in one run.

`python -m tests.benchmarks.compression [--hosts 2] [--mbit 100 1000 0] [--plot FILE]` trains a GPT-2
of 13.6 M parameters, one sequence of 16 tokens a rank and step, on network namespaces and prints a
table for each speed (0: as fast as the machine is): bytes a step by the interfaces' counters and how
far they are from the codecs' own formula, seconds a step, and how much of them is encoding.
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
ONE_BIT = ("optimizer.type=OneBitAdam", "optimizer.params.freeze_step=1")
OWNERS = (*ONE_BIT, "parallel.zero.stage=1")
CODEC = "optimizer.params.parameter_codec"
SGD = "optimizer=" + json.dumps({"type": "SGD", "params": {"lr": 0.01, "momentum": 0.9}})
NOW = "parallel.compression.start=0"
PLAIN = "fp32 all-reduce"
WAYS: dict[str, tuple[str, ...]] = {
    PLAIN: (),
    "bf16": (f"{KIND}=bf16",),
    "int8": (f"{KIND}=int8",),
    "int4": (f"{KIND}=int4", NOW),
    "1-bit Adam": ONE_BIT,
    "1-bit Adam, ZeRO-1, sign": (*OWNERS, f"{CODEC}=sign"),
    "1-bit Adam, ZeRO-1, int8": (*OWNERS, f"{CODEC}=int8"),
    "top-k 1 %": (SGD, f"{KIND}=top-k", NOW),
    "PowerSGD rank 4": (SGD, f"{KIND}=power-sgd", NOW),
}
FEW, MANY = 3, 13
HEADS = ("way", "MB a step and host", "of the formula", "times fewer", "s a step", "times faster")


@dataclass(frozen=True)
class Found:
    """One way at one speed: bytes a step and host, its formula's, seconds, and those of encoding.

    Bytes are 0 where they were not measured.
    """

    sent: float
    formula: float
    seconds: float
    encoding: float

    def cells(self, plain: "Found") -> list[str]:
        """A line of the table."""
        measured = (f"{self.sent / 1e6:.3f}", f"{self.sent / self.formula:.3f}")
        counted = [*measured, f"{plain.sent / self.sent:.1f}"] if self.sent else ["", "", ""]
        shares = [f"{plain.seconds / self.seconds:.2f}", f"{self.encoding / self.seconds:.0%}"]
        return [*counted, f"{self.seconds:.3f}", *shares]


def trained(
    made: Sequence[Host], folder: Path, steps: int, words: Sequence[str]
) -> tuple[int, list[dict[str, float]], float]:
    """Bytes that all hosts sent in a run of `steps`, its training rows, seconds of encoding."""
    before, timing = sum(host.sent() for host in made), folder.with_suffix(".json")
    run = ["-m", "tests.benchmarks.timed", str(timing), "train", str(RECIPE), "--tiny", *words]
    run_on(made, [*run, f"run.folder={folder}", f"run.steps={steps}"], timeout=900)
    found = [row for row in rows(folder) if "step_seconds" in row]
    encoding = json.loads(timing.read_text(encoding="utf-8"))["encoding"]
    return sum(host.sent() for host in made) - before, found, encoding


def way(made: Sequence[Host], root: Path, name: str, count_bytes: bool) -> Found:
    """Measures one way."""
    types = [word for word in WAYS[name] if word.startswith(("optimizer=", "optimizer.type"))]
    rest = [word for word in WAYS[name] if word not in types]
    words = [*types, *SETTINGS, f"run.batch={len(made)}", *rest]
    many, found, encoding = trained(made, root / f"{name}-many", MANY, words)
    sent, last = 0.0, found[FEW:]
    if count_bytes:  # the difference of two runs leaves out starting and the first, dense step
        few, _, _ = trained(made, root / f"{name}-few", FEW, words)
        sent = (many - few) / (MANY - FEW) / len(made)
    formula = float(last[-1].get("sent_bytes", 0)) or whole_bytes(root / f"{name}-many", len(made))
    return Found(sent, formula, statistics.median(row["step_seconds"] for row in last), encoding)


def whole_bytes(run: Path, ranks: int) -> float:
    """What fp32 all-reduce sends a step and rank of the model that a run exported."""
    weights = run / "model" / "model.safetensors"
    with weights.open("rb") as file:
        heads = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    shapes = [entry["data_offsets"] for key, entry in heads.items() if key != "__metadata__"]
    return 2 * (ranks - 1) / ranks * sum(last - first for first, last in shapes)


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
        print("| " + " | ".join((*HEADS, "encoding")) + " |")
        print("| --- " * (len(HEADS) + 1) + "|", flush=True)
        with (
            TemporaryDirectory() as root,
            hosts(chosen.hosts, mbit or None) as made,
        ):
            for name in chosen.ways:
                ways[name] = way(made, Path(root), name, count_bytes=mbit == chosen.mbit[-1])
                cells = ways[name].cells(next(iter(ways.values())))
                print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if chosen.plot:
        plot(chosen.plot, found)


if __name__ == "__main__":
    main()
