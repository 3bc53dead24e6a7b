"""What classification answers, of whatever it is: one class, several, or numbers."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedConfig

from zoo.data.rows import Row
from zoo.predicting.against import How, Stretch
from zoo.predicting.predictor import Answer

TOP = 5
LEAST = 0.5
"""The probability from which on a class of several is named."""
ALL = 1 << 30
"""As many classes as there are."""


def classes(config: PreTrainedConfig, found: Sequence[dict[str, Any]], top: int | None) -> Answer:
    """An answer from every class's "label" and "score", as a pipeline gives them, best first.

    "label" and its "score" of one class, "labels" where several may hold, "values" of a regression;
    beside the first two "top", the likeliest classes with their probabilities.
    """
    if config.problem_type == "regression":
        by_name = {one["label"]: one["score"] for one in found}
        names = [config.id2label[number] for number in range(config.num_labels)]
        return {"values": [by_name[name] for name in names]}
    likeliest = {"top": list(found[: top or TOP])}
    if config.problem_type == "multi_label_classification":
        return {"labels": [one["label"] for one in found if one["score"] >= LEAST], **likeliest}
    return {"label": found[0]["label"], "score": found[0]["score"], **likeliest}


def said_classes(answer: Answer) -> str:
    """The same in a line."""
    if "values" in answer:
        return ", ".join(f"{value:.6g}" for value in answer["values"])
    shares = ", ".join(f"{one['label']} {one['score']:.3f}" for one in answer["top"])
    return f"{', '.join(answer['labels']) or 'none'} ({shares})" if "labels" in answer else shares


def right_classes(config: PreTrainedConfig, rest: Row) -> Answer:
    """What a row's own label is as an answer; empty where it has none."""
    value, names = rest.get("label"), config.id2label
    if value is None:
        return {}
    several = list(value) if isinstance(value, list | tuple) else [value]
    if config.problem_type == "regression":
        return {"values": [float(one) for one in several]}
    if config.problem_type == "multi_label_classification":
        return {"labels": [names.get(one, str(one)) for one in several], "top": []}
    return {"label": names.get(value, str(value)), "top": []}


def classes_against(answer: Answer, right: Answer) -> list[Stretch]:
    """Classes that were named, those that are right and were not, and how likely each is."""
    if "values" in answer:
        return numbers_against(answer["values"], right.get("values", []))
    shares = {one["label"]: f"{one['score']:.3f}" for one in answer["top"]}
    ours, theirs = (
        one["labels"] if "labels" in one else [one["label"]] if "label" in one else []
        for one in (answer, right)
    )
    marks: dict[str, How] = {one: "right" if one in theirs else "wrong" for one in ours}
    marks |= {one: "missed" for one in theirs if one not in ours}
    marked = [Stretch(one, how, shares.get(one, "")) for one, how in marks.items()]
    rest = [f"{name} {share}" for name, share in shares.items() if name not in (*ours, *theirs)]
    marked = marked or [Stretch("none", "right")]
    spaced = [part for one in marked for part in (one, Stretch(" "))]
    return [*spaced, Stretch(", ".join(rest))]


def numbers_against(found: Sequence[float], wanted: Sequence[float]) -> list[Stretch]:
    """Numbers that were answered, each with the one in the data and how far it is off."""
    if len(found) != len(wanted):
        return [Stretch(", ".join(f"{one:.6g}" for one in found), "written")]
    pairs = zip(found, wanted, strict=True)
    marked = [
        Stretch(
            f"{ours:.4g}", "written", f"in the data {right:.6g}, off by {abs(ours - right):.3g}"
        )
        for ours, right in pairs
    ]
    return [part for one in marked for part in (one, Stretch(" "))][:-1]
