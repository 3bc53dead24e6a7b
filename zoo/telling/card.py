"""The model card of an exported folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo.recipe import Recipe
from zoo.recipe.derived.adapter import exports_adapter
from zoo.recipe.provenance import Made
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.telling.expected import verdicts
from zoo.telling.hub_head import Head, base_of, head, on_hub, said, score_of, sources, title

ADAPTER = """
from peft import PeftConfig, PeftModel
from transformers import AutoConfig, {head}

adapter, adapted = PeftConfig.from_pretrained("."), AutoConfig.from_pretrained("./adapted")
base = {head}.from_pretrained("{base}", revision=adapter.revision, config=adapted)
model = PeftModel.from_pretrained(base, ".")
"""
INTENDED = """## Intended use and limits

<!-- To be written by who publishes it: what it is for, what it must not be used for, where it
fails, and whom its errors touch. Nothing of this can be told from a training run. -->
Not described yet."""


def card(
    recipe: Recipe, content: dict[str, Any], made: Made, parameters: int, scores: dict[str, Any],
    mean_of: Sequence[int] = (), base: Head | None = None, chats: bool = False,
) -> str:  # fmt: skip
    """Markdown under the hub's head: what it is, how it is used, how it was trained and scores.

    `content` is the expanded recipe as the folder holds it, `made` what it was made from,
    `parameters` the exported model's, `scores` the evaluation row of the checkpoint, `mean_of` the
    steps where it is a mean of several, `base` the head of its base's card, `chats` see `usage`.
    """
    several = f"\n\nThe mean of the weights after steps {', '.join(map(str, mean_of))}."
    where = f"after {scores['step']} steps" if scores else "(not evaluated)"
    return f"""---
{head(recipe, made, scores, base or {})}
---

# {title(made)}

{about(recipe, made)}

{counted(recipe, parameters)}.{several if mean_of else ""}

## Usage

{usage(recipe, chats)}

{INTENDED}

## Training

{table(("", ""), training(content, recipe))}

## Scores {where}

{table(("score", "value", "meaning"), scored(recipe, scores))}

## How to make it again

Save the recipe below (or take `recipe.json` of this folder) and run `zoo train recipe.json`; score
this folder with `zoo eval FOLDER`.

```json
{json.dumps(content, indent=2)}
```
"""


def counted(recipe: Recipe, parameters: int) -> str:
    """How many parameters the model has, which of an adapter's folder are the base's mostly."""
    return f"{parameters:,} parameters" + (", with the base's" if exports_adapter(recipe) else "")


def usage(recipe: Recipe, chats: bool = False) -> str:
    """The kind's snippet, with `chats` that of a tokenizer with a chat template; of a kind without
    one the class that loads the folder.
    """
    kind = kind_of(recipe.task)
    if exports_adapter(recipe):
        base = quiet(base_of(recipe)) if on_hub(base_of(recipe)) else "FOLDER OF THE BASE"
        return f"```python\n{ADAPTER.format(head=kind.head, base=base).strip()}\n```"
    own = (kind.usage_of_chats if chats else "") or kind.usage
    code = own.strip() or f'transformers.{kind.head}.from_pretrained(".")'
    return f"```python\n{code}\n```"


def table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    """Markdown's table; a cell ends no line and no cell."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in row)} |"
        for row in lines
    )


def training(content: Mapping[str, Any], recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Data, start, hyper-parameters and layout, each with its name."""
    run, parallel = recipe.run, recipe.parallel
    yield "task", f"`{inline(content['task'])}`"
    for name, data in sources(recipe).items():
        splits = f"`{quiet(str(data.train))}`, scored on `{quiet(str(data.valid))}`"
        yield f"data {name}".strip(), f"{quiet(said(data))}: {splits}"
    start = base_of(recipe)
    if start:
        version = f", revision {quiet(recipe.model.revision)}" if recipe.model.revision else ""
        named = f"{quiet(start)}{version}" if on_hub(start) else "weights of another folder"
        yield "started from", named
    else:
        yield "started from", "random weights"
    if lora := recipe.model.lora:
        settings = {key: one for key, one in lora.model_dump().items() if one not in (None, ())}
        yield "adapter", f"`{inline(settings)}`"
    yield "length", f"{run.steps} steps" if run.steps else f"{run.epochs} epochs"
    yield "batch", f"{run.batch} {run.batch_unit}, {run.micro_batch} at once on a rank"
    yield "optimizer", f"`{inline(content['optimizer'])}`"
    yield "precision", f"{run.precision}, master weights fp32"
    yield "seed", str(run.seed)
    degrees = {"pipeline stages": parallel.pipeline.stages, "tensor ranks": parallel.tensor}
    layout = [f"ZeRO {parallel.zero.get('stage', 0)}"]
    layout += [f"{count} {name}" for name, count in degrees.items() if count > 1]
    yield "layout", ", ".join(layout)


def inline(value: Mapping[str, Any]) -> str:
    """A section in a line, without what is empty."""
    return quiet(json.dumps({key: one for key, one in value.items() if one not in ({}, [], None)}))


def scored(recipe: Recipe, scores: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Each score with its value, what was expected of it, and what it means."""
    values = {key: number(value) for key, value in scores.items() if key != "step"}
    values |= {one.score: str(one) for one in verdicts(recipe, scores)}
    for key, value in values.items():
        entry = score_of(recipe, key)
        yield key, value, entry.doc if entry else ""


def about(recipe: Recipe, made: Made) -> str:
    """What the recipe says of itself; of a twin or a changed run that this is another model."""
    own = recipe.description or "Trained from a recipe of the zoo."
    lines = []
    if made.twin:
        lines.append(
            f"**A toy.** The tiny twin of the recipe {made.recipe}: a small model{on_own(recipe)},"
            " for trying the recipe out. What is published of that recipe is not of this model, and"
            " it is of no use beyond the trial."
        )
    if made.words:
        lines += [
            "Changed on the command line:",
            "\n".join(f"- `{w}`" for w in map(quiet, made.words)),
        ]
    if not lines:
        return own
    return "\n\n".join([*lines, "The unchanged recipe says of itself:", f"> {own}"])


def on_own(recipe: Recipe) -> str:
    """What is said of the data of a twin, which words may have changed."""
    own = all(data.source == "built-in" for data in sources(recipe).values())
    return " on data that the package makes itself" if own else ""


def quiet(word: str) -> str:
    """A word that ends no line and no code of Markdown."""
    return " ".join(word.replace("`", "'").split())


def number(value: Any) -> str:
    """A score; what is not finite stands as null in metrics."""
    return "not finite" if value is None else f"{value:.6g}"
