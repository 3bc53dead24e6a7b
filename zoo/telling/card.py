"""The model card of an exported folder."""

import json
from collections.abc import Sequence
from typing import Any

from zoo.recipe import Recipe
from zoo.recipe.provenance import Made
from zoo.telling.expected import verdicts


def card(
    recipe: Recipe, content: dict[str, Any], made: Made, parameters: int, scores: dict[str, Any],
    mean_of: Sequence[int] = (),
) -> str:  # fmt: skip
    """Markdown: what was trained, how it scores, the whole recipe, how to make it again.

    `content` is the expanded recipe as the folder holds it, `made` what it was made from,
    `parameters` the exported model's, `scores` the evaluation row of the checkpoint, `mean_of` the
    steps of the checkpoints where it is a mean of several.
    """
    values = {key: number(value) for key, value in scores.items() if key != "step"}
    values |= {one.score: str(one) for one in verdicts(recipe, scores)}
    table = "\n".join(f"| {key} | {value} |" for key, value in values.items())
    several = f"\n\nThe mean of the weights after steps {', '.join(map(str, mean_of))}."
    where = f"after {scores['step']} steps" if scores else "(not evaluated)"
    return f"""---
library_name: transformers
tags:
- {recipe.task.kind}
---

# {made.recipe}{"-tiny" if made.twin else ""}

{about(recipe, made)}

{parameters:,} parameters.{several if mean_of else ""}

## Scores {where}

| score | value |
| --- | --- |
{table}

## How to make it again

Save the recipe below (or take `recipe.json` of this folder) and run `zoo train recipe.json`; score
this folder with `zoo eval FOLDER`.

```json
{json.dumps(content, indent=2)}
```
"""


def about(recipe: Recipe, made: Made) -> str:
    """What the recipe says of itself; of a twin or a changed run that this is another model."""
    own = recipe.description or "Trained from a recipe of the zoo."
    lines = []
    if made.twin:
        lines.append(
            f"The tiny twin of the recipe {made.recipe}: a small model on data that the package"
            " makes itself. What is published of that recipe is not of this model."
        )
    if made.words:
        lines += [
            "Changed on the command line:",
            "\n".join(f"- `{w}`" for w in map(quiet, made.words)),
        ]
    if not lines:
        return own
    return "\n\n".join([*lines, "The unchanged recipe says of itself:", f"> {own}"])


def quiet(word: str) -> str:
    """A word that ends no line and no code of Markdown."""
    return " ".join(word.replace("`", "'").split())


def number(value: Any) -> str:
    """A score; what is not finite stands as null in metrics."""
    return "not finite" if value is None else f"{value:.6g}"
