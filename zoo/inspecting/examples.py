"""Examples as the model gets them in training, made readable again."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from zoo.data.rows import Batch, CorruptExample, Rows
from zoo.inspecting.pictures import boxed, data_uri, image_of, masked, spectrogram_of, wave_of
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.recipe.vocabulary.roles import MEDIA, ROLES
from zoo.tasks.task import IGNORE, Task

Shown = dict[str, Any]
LONGEST = 300  # characters of a row's value


def shown(recipe: Recipe, task: Task, rows: Rows, batches: list[Batch], count: int) -> list[Shown]:
    """The first `count` examples of some micro-batches: "row", what the row "says", and the
    "inputs" by the model's names: tokens with their marks, or a picture.
    """
    found: list[Shown] = []
    for batch in batches:
        for place, row in enumerate(batch["ids"]):
            inputs = {
                f"{name} {number}" if several > 1 else name: show(
                    recipe, task, batch, name, place * several + number - 1
                )
                for name, show in SHOWN.items()
                if name in batch["inputs"]
                for several in [len(batch["inputs"][name]) // len(batch["ids"])]
                for number in range(1, several + 1)
            }
            names = task.config.id2label if kind_of(recipe.task).classes else {}
            found.append({"row": row, "says": said(rows, row, names), "inputs": inputs})
    return found[:count]


def said(rows: Rows, index: int, names: Mapping[int, str]) -> dict[str, str]:
    """What a row says by role, shortened, classes by name; no images, no sound, no tokens."""
    try:
        row = rows[index]
    except CorruptExample as error:
        return {"unreadable": str(error)}
    return {
        role: _text(value, names if ROLES[role].names else {})[:LONGEST]
        for role, value in row.items()
        if role in ROLES and ROLES[role].how not in (*MEDIA, "objects")
    }


def _text(value: Any, names: Mapping[int, str]) -> str:
    """A value as a line: several words or classes side by side."""
    if isinstance(value, list | tuple) and not any(isinstance(one, dict) for one in value):
        return " ".join(_text(one, names) for one in value)
    return str(names[value] if names and value in names else value)


def _tokens(recipe: Recipe, task: Task, batch: Batch, name: str, place: int) -> Shown:
    """Tokens as text, each marked: padding, a place with a target (and which), or nothing."""
    ids = batch["inputs"][name][place]
    mask = batch["inputs"].get("attention_mask")
    labels = batch["labels"].get("labels")
    theirs = labels is not None and labels.shape == batch["inputs"][name].shape
    names = task.config.id2label if kind_of(recipe.task).classes else None
    found = []
    for position, token in enumerate(ids.tolist()):
        one: Shown = {"text": task.tokenizer.decode([token])}
        if name == "input_ids" and mask is not None and not mask[place, position]:
            one["mark"] = "padding"
        elif theirs and int(labels[place, position]) != IGNORE:
            one["mark"] = "target"
            one["target"] = _target(int(labels[place, position]), task, names)
            one |= {"named": True} if names else {}  # it stands beside the token, which is another
        found.append(one)
    return {"tokens": found}


def _target(label: int, task: Task, names: Mapping[int, str] | None) -> str:
    return str(names[label]) if names else str(task.tokenizer.decode([label]))


def _image(recipe: Recipe, task: Task, batch: Batch, name: str, place: int) -> Shown:
    """An image, with the boxes or the mask that it is to be given."""
    values, names = batch["inputs"][name][place], task.config.id2label
    picture, boxes = image_of(values), batch["inputs"].get("labels")
    labels = batch["labels"].get("labels")
    if isinstance(boxes, list):
        own = boxes[place]
        classes = [names[number] for number in own["class_labels"].tolist()]
        picture = boxed(picture, own["boxes"], classes)
    elif labels is not None and labels.shape[1:] == values.shape[1:]:
        picture = masked(picture, labels[place], names)
    return {"picture": data_uri(picture), "shape": list(values.shape)}


def _features(recipe: Recipe, task: Task, batch: Batch, name: str, place: int) -> Shown:
    """A spectrogram of the frames that are no padding."""
    values, mask = batch["inputs"][name][place], batch["inputs"].get("attention_mask")
    if mask is not None and mask.shape[1] == len(values):
        values = values[mask[place].bool()].T  # those without a mask are (bins, frames)
    return {"picture": data_uri(spectrogram_of(values)), "shape": list(values.shape)}


def _samples(recipe: Recipe, task: Task, batch: Batch, name: str, place: int) -> Shown:
    """A wave without its padding."""
    values, mask = batch["inputs"][name][place], batch["inputs"].get("attention_mask")
    if mask is not None:
        values = values[mask[place].bool()]
    return {"picture": data_uri(wave_of(torch.atleast_1d(values))), "shape": list(values.shape)}


SHOWN: dict[str, Callable[[Recipe, Task, Batch, str, int], Shown]] = {
    "input_ids": _tokens,
    "decoder_input_ids": _tokens,
    "pixel_values": _image,
    "input_features": _features,
    "input_values": _samples,
}
"""How an input is shown, by the name that transformers' models give it."""
