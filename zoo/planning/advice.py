"""From measured costs and a link to predicted steps: pure arithmetic, and the page that is shown.

A step is what the ranks compute, plus what a way's exchange and update cost, plus the bytes over
the link: nothing is taken to overlap.
"""

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from zoo.planning.link import rate
from zoo.planning.ways import WHOLE, Question, dense_share
from zoo.recipe.derived.exchange import optimizer_of, zero_stage
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.telling.page import Page

ALWAYS, NEVER = float("inf"), 0.0
HEADS = ["way", "MB a step", "codec s", "link s", "step s", "mean s", "times faster", "pays below"]


@dataclass(frozen=True)
class Cost:
    """A step's exchange and update of a rank: seconds here, and the bytes that it sends."""

    seconds: float
    sent: float


@dataclass(frozen=True)
class Passes:
    """Seconds of forward and backward of a micro-batch, timed on `timed` of its examples."""

    seconds: float
    timed: int
    examples: int


@dataclass(frozen=True)
class Calibration:
    """What was measured; `part` of `elements` trained ones had a part in `costs`, by way."""

    passes: Passes
    accumulation: int
    costs: dict[str, Cost]
    elements: int
    part: int
    steps: int
    device: str
    threads: int

    @property
    def compute(self) -> float:
        """Seconds of all passes of a step."""
        return self.passes.seconds * self.accumulation


@dataclass(frozen=True)
class Prediction:
    """A way's step: `step` seconds when it compresses, `mean` over the run with its dense share.

    `faster` is by how much the mean is; `pays_below` a bandwidth in bits a second: below it the
    way's step is shorter than with whole gradients (ALWAYS, NEVER).
    """

    way: str
    words: tuple[str, ...]
    sent: float
    codec: float
    link: float
    step: float
    dense_share: float
    mean: float
    faster: float
    pays_below: float


def break_even(way: Cost, whole: Cost, per_node: int = 1) -> float:
    """Bits a second below which a way beats whole gradients; ALWAYS, or NEVER."""
    if way.sent >= whole.sent:
        return NEVER
    if way.seconds <= whole.seconds:
        return ALWAYS
    return per_node * (whole.sent - way.sent) * 8 / (way.seconds - whole.seconds)


def predicted(question: Question, found: Calibration) -> list[Prediction]:
    """Every way that was measured, in the order of the ways."""
    link, whole = question.link, found.costs[WHOLE]
    dense = found.compute + whole.seconds + link.seconds(whole.sent)
    rows = []
    for way in question.ways:
        if way.recipe is None:
            continue
        cost, share = found.costs[way.name], dense_share(way.recipe, found.steps)
        step = found.compute + cost.seconds + link.seconds(cost.sent)
        mean = share * dense + (1 - share) * step
        pays = break_even(cost, whole, link.per_node)
        row = Prediction(
            way.name, way.words, cost.sent, cost.seconds, link.seconds(cost.sent), step, share,
            mean, dense / mean, pays,
        )  # fmt: skip
        rows.append(row)
    return rows


def advice_page(question: Question, found: Calibration) -> Page:
    """The table, the lines below it, and the same for programs."""
    rows = predicted(question, found)
    table = (HEADS, [cells(row) for row in rows])
    return Page([table], lines(question, found, rows), as_object(question, found, rows))


def cells(row: Prediction) -> list[str]:
    """A row of the table."""
    numbers = [f"{value:.4g}" for value in (row.codec, row.link, row.step, row.mean)]
    pays = "-" if row.way == WHOLE else pays_below(row.pays_below)
    return [row.way, f"{row.sent / 1e6:.4g}", *numbers, f"{row.faster:.3g}", pays]


def pays_below(bits: float) -> str:
    """A break-even in words."""
    return {ALWAYS: "always", NEVER: "never"}.get(bits) or rate(bits)


def lines(question: Question, found: Calibration, rows: list[Prediction]) -> list[str]:
    """What was measured and assumed, what is refused, and the advice."""
    link, passes = question.link, found.passes
    timed = "" if passes.timed == passes.examples else f" (timed on {passes.timed}, scaled)"
    part = "" if found.part == found.elements else (
        f"; codecs measured on {found.part / 1e6:.4g} M of them and scaled"
    )  # fmt: skip
    said = [
        f"{question.recipe.name}: {found.elements / 1e6:.4g} M trained elements{part}",
        f"{link.ranks} ranks on {link.nodes} nodes, {rate(link.bits)} each way a node; "
        f"{found.accumulation} x {passes.examples} examples a rank and step",
        f"compute {found.compute:.4g} s a step: forward and backward measured here on "
        f"{found.device} with {found.threads} threads{timed}; codec s holds the optimizer's update",
        "nothing is taken to overlap; mean s counts the dense steps before a freeze or start",
    ]
    if question.recipe.run.precision != "fp32":
        said.append(f"in {question.recipe.run.precision} DeepSpeed's own reduction may send half "
                    f"of {WHOLE}")  # fmt: skip
    if zero_stage(question.recipe) == 3:
        said.append("what ZeRO-3 sends to gather parameters is not counted")
    if link.per_node > 1:
        said.append("the ranks of a node share its link and send all their bytes over it: an upper "
                    "estimate")  # fmt: skip
    said += [f"left out: {way.name}: {way.refused}" for way in question.ways if way.recipe is None]
    return said + advice(question, rows)


def advice(question: Question, rows: list[Prediction]) -> list[str]:
    """The fastest way over a run, and the fastest of those that learn as whole gradients do."""
    rough = learns_otherwise(question)
    best = min(rows, key=lambda row: row.mean)
    said = [f"fastest: {praise(best)}"]
    if best.way in rough:
        calm = min((row for row in rows if row.way not in rough), key=lambda row: row.mean)
        said.append(f"{best.way} may learn worse; fastest of the others: {praise(calm)}")
    return said


def learns_otherwise(question: Question) -> list[str]:
    """The ways that do not learn as whole gradients do: with plain momentum sparse ones do."""
    plain = optimizer_of(question.recipe).momentum_may_move
    return [
        kind for kind, one in COMPRESSORS.items() if one.steps_alone or (one.sparse and not plain)
    ]


def praise(row: Prediction) -> str:
    """A way, what it gains and the words that choose it."""
    added = f"; add {shlex.join(row.words)}" if row.words else "; the recipe is that already"
    return f"{row.way}, {row.faster:.3g} times faster over the run{added}"


def as_object(question: Question, found: Calibration, rows: list[Prediction]) -> dict[str, Any]:
    """The same numbers for programs; break-evens are bits a second, `always` or `never`."""
    link = question.link
    words = {ALWAYS: "always", NEVER: "never"}
    return {
        "recipe": question.recipe.name,
        "bandwidth": link.bits,
        "nodes": link.nodes,
        "per_node": link.per_node,
        "compute": found.compute,
        "calibration": asdict(found),
        "ways": [
            asdict(row) | {"pays_below": words.get(row.pays_below, row.pays_below)} for row in rows
        ],
        "refused": {way.name: way.refused for way in question.ways if way.recipe is None},
    }
