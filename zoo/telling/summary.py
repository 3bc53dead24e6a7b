"""What `zoo show` says first: a recipe in a few lines, and which of it differs from another."""

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

from zoo.recipe import Recipe
from zoo.recipe.changes import Change
from zoo.recipe.derived.adapter import in_4_bits
from zoo.recipe.derived.schedule import spelled_out
from zoo.recipe.provenance import TYPED
from zoo.recipe.spec.data import HubData, MixtureData, sections
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.recipe.vocabulary.parameters import counts
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.telling.listing import HEADS, amount, recipe_row
from zoo.telling.page import Table

LENGTHS = ("sequence_length", "source_length", "target_length")
"""Keys of tasks that bound the tokens of an example."""
BOUNDS = {"sequence_length": "tokens", "max_seconds": "seconds", "image_size": "pixels"}
"""Keys of tasks that say how large an example is, and in what."""


def summary(recipe: Recipe) -> Table:
    """The rows, without heads: what is learned, by which model, from what, how long and how."""
    row = dict(zip(HEADS, recipe_row(recipe), strict=True))
    task, optimizer = recipe.task.kind, recipe.optimizer
    rows = {
        "task": f"{task}: {' '.join((type(recipe.task).__doc__ or '').split())}",
        "model": f"{row['model']}, {_of_parameters(recipe)}, {_start(recipe)}",
        "data": f"{row['data']}: {_source(recipe)}",
        "length": length(recipe),
        "example": _example(recipe),
        "optimizer": f"{optimizer.type}, {_said(optimizer.params)}",
        "schedule": schedule(recipe),
        "layout": f"{row['layout']}, {recipe.run.precision}",
        "values": sources(recipe),
    }
    return ["", ""], [[name, text] for name, text in rows.items() if text]


def _of_parameters(recipe: Recipe) -> str:
    known = recipe.model.parameters
    return f"{amount(known)} parameters" if known else "parameters not said"


def _start(recipe: Recipe) -> str:
    """What training starts from."""
    model = recipe.model
    weights = model.weights or model.name
    began = "random weights" if weights in (None, "random") else f"weights of {weights}"
    bits = " in 4 bits" if in_4_bits(recipe) else ""
    return f"a low-rank adapter on {began}{bits}" if model.lora else f"from {began}"


def _source(recipe: Recipe) -> str:
    """Where rows come from."""
    data = recipe.data
    if isinstance(data, MixtureData):
        return f"{len(sections(data))} parts"
    if isinstance(data, HubData):
        return f"{data.name} of the hub"
    return f"{getattr(data, 'folder', 'built in')}"


def length(recipe: Recipe) -> str:
    """Steps or epochs, and what they are in examples and tokens as far as the recipe says it."""
    run, task = recipe.run, recipe.task
    each = f"{run.batch:,} {run.batch_unit}"
    if run.steps is None:
        passes = f"{run.epochs:g} epoch{'' if run.epochs == 1 else 's'} of train"
        return f"{passes}, {each} a step; data say how many steps these are"
    whole = run.steps * run.batch
    said = f"{run.steps:,} steps of {each} = {amount(whole)} {run.batch_unit}"
    tokens = kind_of(task).sides * sum(getattr(task, name, 0) for name in LENGTHS)
    if run.batch_unit != "examples" or not tokens:
        return said
    bound = "" if kind_of(task).one_length else "at most "
    return f"{said}, {bound}{amount(whole * tokens)} tokens"


def _example(recipe: Recipe) -> str:
    """How large an example is."""
    task = recipe.task
    found = {name: getattr(task, name, None) for name in (*BOUNDS, *LENGTHS[1:])}
    return ", ".join(
        f"{name} {json.dumps(one)} {BOUNDS.get(name, 'tokens')}"
        for name, one in found.items()
        if one
    )


def schedule(recipe: Recipe) -> str:
    """The course of the learning rate in words."""
    resolved = spelled_out(recipe)
    rate = recipe.optimizer.params.get("lr")
    peak = f"{rate:g}" if isinstance(rate, int | float) else "its peak"
    if resolved is None:
        return f"constant at {peak}"
    entry, params = SCHEDULERS[resolved["type"]], resolved["params"]
    words = {name: _in_words(one, name in counts(entry.parameters)) for name, one in params.items()}
    words["milestones"] = ", ".join(_in_words(one, True) for one in params.get("milestones", ()))
    course = entry.course.format(**words)
    if "warmup_num_steps" not in entry.parameters:
        return course
    if not params["warmup_num_steps"]:
        return f"from {peak}, {course}"
    shape = {"linear": "in a line", "log": "as a logarithm"}[params["warmup_type"]]
    return f"grows {shape} over {words['warmup_num_steps']} to {peak}, then {course}"


def _in_words(value: Any, of_steps: bool) -> str:
    """A parameter of a schedule: steps, a share of the run, or a number."""
    if not of_steps or isinstance(value, bool | str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return f"{value:,} steps" if isinstance(value, int) else f"{100 * value:.4g} % of the run"


def _said(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(one)}" for name, one in params.items())


def sources(recipe: Recipe) -> str:
    """The files and words that values are from, each with how many they are."""
    told = recipe.provenance
    around = {key[:depth] for key in told.origins for depth in range(len(key))}
    counted = Counter(origin for key, origin in told.origins.items() if key not in around)
    typed = sum(number for origin, number in counted.items() if origin.startswith(TYPED))
    said = [f"{origin} ({n})" for origin, n in counted.items() if not origin.startswith(TYPED)]
    return ", ".join([*said, *([f"words of the command line ({typed})"] if typed else [])])


def difference(found: Mapping[str, Change]) -> list[str]:
    """Lines as of a diff; what is new may be pasted as words of the command line."""
    lines = []
    for key, one in found.items():
        if one.was is not None:
            lines.append(f"- {_word(key, one.was)}")
        said = _word(key, one.now) if one.now is not None else f"{key}=unset"
        lines.append(f"+ {said}  # {one.by}")
    return lines or ["nothing differs"]


def _word(key: str, value: Any) -> str:
    """A key and its value as they are typed."""
    return shlex.quote(f"{key}={value if isinstance(value, str) else json.dumps(value)}")
