"""The head of a model card, as the hub reads it: what the model is, of what, and how it scored."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.recipe import Recipe
from zoo.recipe.derived.adapter import exports_adapter
from zoo.recipe.provenance import Made
from zoo.recipe.spec.data import BuiltInData, FilesData, HubData, MixtureData, OneSource
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.recipe.vocabulary.scores import Score

Head = Mapping[str, Any]
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")


def title(made: Made) -> str:
    """What the model is called."""
    return f"{made.recipe}{'-tiny' if made.twin else ''}"


def base_of(recipe: Recipe) -> str:
    """The name or folder of the weights that training started from; empty: from random ones."""
    start = recipe.model.weights or recipe.model.name or "random"
    return "" if start == "random" else start


def on_hub(name: str) -> bool:
    """Whether a name can be one of the hub's, and is no folder here."""
    return bool(_HUB_NAME.fullmatch(name)) and not Path(name).exists()


def sources(recipe: Recipe) -> dict[str, OneSource]:
    """The data by the names of a mixture's parts; one source has the name ""."""
    data = recipe.data
    if isinstance(data, MixtureData):
        return {name: part.data for name, part in data.parts.items()}
    return {"": data}


def score_of(recipe: Recipe, key: str) -> Score | None:
    """The entry of a score by its key in metrics; None of one that only the task knows."""
    return kind_of(recipe.task).scores.get(key.rpartition("/")[2])


def head(recipe: Recipe, made: Made, scores: Mapping[str, Any], base: Head) -> str:
    """The card's YAML, without its lines of dashes.

    `base` is the head of the card of the model that it starts from. A licence or language that
    nobody says is left out.
    """
    from huggingface_hub import ModelCardData

    kind, start = kind_of(recipe.task), base_of(recipe)
    hub = [one.name for one in sources(recipe).values() if isinstance(one, HubData)]
    tags = ["zoo", recipe.task.kind, *(["lora"] if recipe.model.lora else [])]
    tags += [*(["toy", "twin"] if made.twin else []), *recipe.run.tags]
    results = list(filter(None, (result(recipe, *pair) for pair in scores.items())))
    more: dict[str, Any] = {}
    if start and on_hub(start):
        relation = "adapter" if exports_adapter(recipe) else "finetune"
        more = {"base_model": start, "base_model_relation": relation}
    data = ModelCardData(
        language=list(recipe.model.language) or base.get("language"),
        library_name="peft" if exports_adapter(recipe) else "transformers",
        pipeline_tag=kind.pipeline or None,
        datasets=list(dict.fromkeys(hub)) or None,
        metrics=list(dict.fromkeys(one.metric_type for one in results)) or None,
        tags=list(dict.fromkeys(tags)),
        model_name=title(made),
        eval_results=results or None,
        **licence(recipe, base),
        **more,
    )
    if not results:
        data.model_name = None  # it stands beside results alone
    return data.to_yaml().strip()


def licence(recipe: Recipe, base: Head) -> dict[str, Any]:
    """What is said of the licence: the recipe's, else the base's; nothing where nobody knows."""
    if recipe.model.license:
        return {"license": recipe.model.license}
    names = ("license", "license_name", "license_link")
    return {name: base[name] for name in names if isinstance(base.get(name), str)}


def result(recipe: Recipe, key: str, value: Any) -> Any:
    """One score of one set as the hub's model-index has it; None of what is no finite score."""
    from huggingface_hub import EvalResult

    if not key.startswith("valid/") or not isinstance(value, int | float):
        return None
    name = key.removeprefix("valid/").removesuffix(key.rpartition("/")[2]).strip("/")
    kind, score = kind_of(recipe.task), score_of(recipe, key)
    short = key.rpartition("/")[2]
    return EvalResult(
        task_type=kind.pipeline or recipe.task.kind,
        task_name=recipe.task.kind,
        metric_type=(score.metric if score else "") or short,
        metric_name=short,
        metric_value=round(float(value), 6),
        **set_of(recipe, name),
    )


def set_of(recipe: Recipe, name: str) -> dict[str, Any]:
    """A validation set as the hub's model-index has it; `name` is the set's where there are
    several, a split or a mixture's part.
    """
    every = sources(recipe)
    data = every.get(name) or next(iter(every.values()))
    splits = data.valid if isinstance(data.valid, tuple) else (data.valid,)
    split = name if name in splits else next(iter(splits))
    if isinstance(split, float):
        split = f"{split:g} of {data.train}"
    found = {"dataset_type": data.source, "dataset_name": said(data), "dataset_split": str(split)}
    if isinstance(data, HubData):
        more = {"dataset_config": data.subset, "dataset_revision": data.revision}
        return found | {"dataset_type": data.name, **more}
    return found


def said(data: OneSource) -> str:
    """A source in a few words; of a folder its last name, since where it lies is nobody's."""
    if isinstance(data, HubData):
        return f"{data.name} ({data.subset})" if data.subset else data.name
    if isinstance(data, BuiltInData):
        return f"{data.name} (made by the zoo's package)"
    assert isinstance(data, FilesData)
    return Path(data.folder).name or data.folder
