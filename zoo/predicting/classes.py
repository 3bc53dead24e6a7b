"""What classification answers, of whatever it is: one class, several, or numbers."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedConfig

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
