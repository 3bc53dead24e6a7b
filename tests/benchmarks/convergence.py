"""What compressed training learns beside the same training with whole gradients, on real data.

`python -m tests.benchmarks.convergence [--data text digits] [--seeds 3] [--ways NAME ...]
[--steps N]` trains two processes a run through `zoo train` and prints a line a way: the final score
of each seed, their mean against the dense optimizer's, and how many times AdamW's largest parameter
the largest one is, 50 compressed steps after the freeze. Real data lie in ../shared/data
(ZOO_SHARED_DATA elsewhere).
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.learning import SHARED
from tests.ranks import run_ranks
from tests.runs import CATALOG, rows
from zoo.recipe import load_recipe
from zoo.training.disk.kept import folders
from zoo.training.reader import Reader
from zoo.training.run import run

RANKS = 2
SCHEDULE = {
    "type": "WarmupCosineLR",
    "params": {"warmup_num_steps": 0.05, "warmup_type": "linear", "cos_min_ratio": 0.1},
}
COMMON = (
    *("run.keep=9", "run.eval_every=0", "run.report_to=[]", "run.log_every=50"),
    *("data.workers=0", "parallel.zero.stage=0"),
)
GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64}
NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


@dataclass(frozen=True)
class Data:
    """A recipe, its words, the score that counts, the steps, and the dense optimizers' rates."""

    recipe: Path
    words: tuple[str, ...]
    score: str
    steps: int
    adam: float
    lamb: float
    sgd: float


DATA = {
    "text": Data(
        CATALOG / "nlp" / "llama-mini-shakespeare.json",
        (
            f"data.folder={SHARED / 'lm_tinyshakespeare'}",
            "model=" + json.dumps({"config": GPT2 | NO_DROPOUT, "tokenizer": "characters"}),
            *("task.sequence_length=64", "run.batch=16", "run.micro_batch=8"),
        ),
        "valid/loss",
        steps=400,
        adam=1e-2,
        lamb=1e-2,
        sgd=0.2,
    ),
    "digits": Data(
        CATALOG / "vision" / "resnet-mini-signdigits.json",
        (f"data.folder={SHARED / 'img_signdigits'}", "data.valid=test/*/*"),
        "valid/top_1",
        steps=1000,
        adam=3e-3,
        lamb=1e-2,
        sgd=0.1,
    ),
}


@dataclass(frozen=True)
class Way:
    """An optimizer of Data's rates, more words, what it is held against and how far it may be.

    `bar` is the share by which the mean loss may be above the dense one; 0: reported only.
    """

    optimizer: str
    against: str
    bar: float = 0.0
    params: tuple[tuple[str, float | str], ...] = ()
    words: tuple[str, ...] = ()


FREEZE = 0.2
"""The share of the steps before compression."""
KIND, START = "parallel.compression.kind", f"parallel.compression.start={FREEZE}"
FROZEN = (("freeze_step", FREEZE),)
OWNERS = ("parallel.zero.stage=1",)
ZERO_ONE = (
    *(("var_freeze_step", FREEZE), ("var_update_scaler", 10**6)),
    *(("local_step_scaler", 80), ("local_step_clipper", 4)),
)
"""The variance never waits before its freeze; up to 4 steps between exchanges after it."""
DILOCO = ("parallel.compression.outer_lr=0.7", "parallel.compression.outer_momentum=0.5")
WAYS = {
    "AdamW": Way("AdamW", "AdamW"),
    "1-bit Adam": Way("OneBitAdam", "AdamW", 0.01, FROZEN),
    "1-bit Adam, ZeRO-1, bf16": Way("OneBitAdam", "AdamW", 0.015, FROZEN, OWNERS),
    "1-bit Adam, ZeRO-1, int8": Way(
        "OneBitAdam", "AdamW", 0.015, (*FROZEN, ("parameter_codec", "int8")), OWNERS
    ),
    "1-bit Adam, ZeRO-1, sign": Way(
        "OneBitAdam", "AdamW", 0.03, (*FROZEN, ("parameter_codec", "sign")), OWNERS
    ),
    "0/1 Adam": Way("ZeroOneAdam", "AdamW", 0.02, ZERO_ONE),
    "AdamW, bf16": Way("AdamW", "AdamW", words=(f"{KIND}=bf16",)),
    "AdamW, int8": Way("AdamW", "AdamW", 0.01, words=(f"{KIND}=int8",)),
    "AdamW, int4": Way("AdamW", "AdamW", words=(f"{KIND}=int4", START)),
    "AdamW, PowerSGD rank 8": Way(
        "AdamW", "AdamW", words=(f"{KIND}=power-sgd", START, "parallel.compression.rank=8")
    ),
    "AdamW, top-k 5 %": Way(
        "AdamW",
        "AdamW",
        words=(f"{KIND}=top-k", START, "parallel.compression.ratio=0.05"),
    ),
    "AdamW, DiLoCo every 20": Way(
        "AdamW",
        "AdamW",
        words=(f"{KIND}=local-sgd", START, "parallel.compression.every=20", *DILOCO),
    ),
    "LAMB": Way("Lamb", "LAMB"),
    "1-bit LAMB": Way("OneBitLamb", "LAMB", 0.02, FROZEN),
    "SGD": Way("SGD", "SGD", params=(("momentum", 0.9),)),
    "SGD, PowerSGD rank 4": Way(
        "SGD", "SGD", 0.02, (("momentum", 0.9),), (f"{KIND}=power-sgd", START)
    ),
    "SGD, top-k 1 %": Way("SGD", "SGD", 0.02, (("momentum", 0.9),), (f"{KIND}=top-k", START)),
}
MOST_POINTS = 0.015
"""How far mean accuracy may be below dense."""
MOST_GROWTH = 3
"""How many times AdamW's largest parameter a parameter may be."""


def optimizer_of(data: Data, way: Way) -> str:
    """The optimizer section as one word."""
    rates = {"Lamb": data.lamb, "OneBitLamb": data.lamb, "SGD": data.sgd}
    params = {"lr": rates.get(way.optimizer, data.adam), "weight_decay": 0.01, **dict(way.params)}
    section = {"type": way.optimizer, "params": params, "scheduler": SCHEDULE}
    return "optimizer=" + json.dumps(section | {"gradient_clipping": 1.0})


def start(path: Path, changes: Sequence[str]) -> int:
    """`zoo train` in this process."""
    return run(load_recipe(path, changes))


def trained(data: Data, way: Way, steps: int, seed: int) -> tuple[float, float]:
    """The final score and the largest parameter 50 steps after the freeze."""
    health = round(FREEZE * steps) + 50
    with TemporaryDirectory() as root:
        folder = Path(root) / "run"
        words = [*data.words, *COMMON, optimizer_of(data, way), *way.words]
        words += [f"run.steps={steps}", f"run.save_every={health}"]
        words += [f"run.seed={seed}", f"run.folder={folder}"]
        codes = run_ranks(RANKS, start, data.recipe, words, timeout=900)
        if codes != [0] * RANKS:
            raise SystemExit(f"{way}: exit codes {codes}")
        score = next(row[data.score] for row in reversed(rows(folder)) if data.score in row)
        early = next(one for one in folders(folder) if one.name.endswith(f"{health:08}"))
        reader = Reader(early)
        keys = [key for key in reader.shapes if key.startswith("param/")]
        return score, max(float(reader.whole(key).abs().max()) for key in keys)


@dataclass(frozen=True)
class Result:
    """The scores of each seed, and the largest parameters."""

    scores: list[float]
    largest: list[float]

    @property
    def mean(self) -> float:
        """The mean score."""
        return statistics.mean(self.scores)


def line(name: str, data: str, found: dict[str, Result]) -> str:
    """A line of the table; `found` has the dense optimizer and AdamW where they were asked for."""
    way, own = WAYS[name], found[name]
    dense = found.get(way.against, own)
    if data == "text":
        off = own.mean / dense.mean - 1
        change, held = f"{off:+.2%}", off <= way.bar
        bar = f"+{way.bar:.1%}" if way.bar else ""
    else:
        off = own.mean - dense.mean
        change, held = f"{100 * off:+.2f} points", off >= -MOST_POINTS - 1e-9
        bar = f"-{100 * MOST_POINTS:.1f} points" if way.bar else ""
    adam = found.get("AdamW", own)
    growth = max(one / other for one, other in zip(own.largest, adam.largest, strict=True))
    verdict = ("yes" if held and growth <= MOST_GROWTH else "NO") if way.bar else ""
    scores = ", ".join(f"{score:.4f}" for score in own.scores)
    cells = [name, scores, f"{own.mean:.4f}", change, bar, verdict, f"{growth:.2f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Prints a table for each kind of data, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", default=[*DATA])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ways", nargs="*", default=[*WAYS])
    parser.add_argument("--steps", type=int, help="default: text 400, digits 1,000")
    words = parser.parse_args()
    for name in words.data:
        data, found = DATA[name], dict[str, Result]()
        heads = f"| {name} | {data.score} by seed | mean | against dense | bar | held | growth |"
        print(f"{heads}\n| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for way in words.ways:
            steps = words.steps or data.steps
            pairs = [trained(data, WAYS[way], steps, seed) for seed in range(words.seeds)]
            found[way] = Result([score for score, _ in pairs], [most for _, most in pairs])
            print(line(way, name, found), flush=True)


if __name__ == "__main__":
    main()
