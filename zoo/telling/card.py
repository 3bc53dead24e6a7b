"""The model card of an exported folder."""

import json
from typing import Any

from zoo.recipe import Recipe, expanded


def card(recipe: Recipe, scores: dict[str, Any]) -> str:
    """Markdown: what was trained, how it scores, the whole recipe, how to make it again."""
    values = {key: value for key, value in scores.items() if key != "step"}
    table = "\n".join(f"| {key} | {value:.6g} |" for key, value in values.items())
    where = f"after {scores['step']} steps" if scores else "(not evaluated)"
    body = json.dumps(expanded(recipe), indent=2)
    return f"""---
library_name: transformers
tags:
- {recipe.task.kind}
---

# {recipe.name}

{recipe.description or "Trained from a recipe of the zoo."}

## Scores {where}

| score | value |
| --- | --- |
{table}

## How to make it again

Save the recipe below (or take `recipe.json` of this folder) and run `zoo train recipe.json`; score
this folder with `zoo eval FOLDER`.

```json
{body}
```
"""
