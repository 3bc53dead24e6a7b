"""What is said beside a recipe: what could be taken for something else, and what nobody checked."""

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import printable
from zoo.recipe import Recipe
from zoo.recipe.compose.catalog import (
    fragment,
    own_catalogs,
    own_recipes,
    recipes,
    shipped_catalog,
    shown,
)
from zoo.recipe.compose.json_text import brief
from zoo.recipe.derived.exchange import averages_itself, optimizer_of, without_effect, zero_stage
from zoo.recipe.provenance import TYPED
from zoo.recipe.spec.data import MixtureData, sections
from zoo.recipe.spec.sections import FOLDERS
from zoo.recipe.vocabulary.optimizers import algorithm
from zoo.recipe.vocabulary.tables import table


def notes(recipe: Recipe) -> list[str]:
    """What a reader of the resolved recipe could take for something else."""
    said = [*without_effect(recipe), *fell_away(recipe), *unchecked(recipe)]
    said += [*passed_over(recipe), *yours(recipe)]
    alias = optimizer_of(recipe).alias
    if alias is not None:
        name, runs, (parameter, other) = recipe.optimizer.type, algorithm(recipe.optimizer), alias
        said.append(
            f"optimizer.type {name} runs {runs}: DeepSpeed's {name} is {other}"
            f" unless params.{parameter} is false"
        )
    if averages_itself(recipe) and zero_stage(recipe):
        said.append("the optimizer shards itself: DeepSpeed runs at ZeRO stage 0")
    return [printable(line) for line in said]


def fell_away(recipe: Recipe) -> list[str]:
    """A line for each value of a file that a typed word made meaningless."""
    return [
        f"{'.'.join(drop.key)} {brief(drop.value)} of {drop.origin} fell away: {drop.because}"
        for drop in recipe.provenance.drops
        if TYPED in drop.because and not drop.wanted
    ]


def yours(recipe: Recipe) -> list[str]:
    """A line for the recipe and each fragment of the user's catalog that hides a shipped one."""
    origins = set(recipe.provenance.origins.values())
    own = [file for file in own_recipes() if shown(file) in origins]
    last = (shipped_catalog(),)
    for section, name in recipe.provenance.fragments.items():
        file = fragment(section, name, own_catalogs()) if fragment(section, name, last) else None
        if file is not None and shown(file) in origins:
            own.append(file)
    return hiding(own)


def hiding(own: Sequence[Path]) -> list[str]:
    """A line for each of these files of the user's catalog whose name a shipped file has, too."""
    known = {file.stem for file in recipes()}
    return [
        f"{file.stem} is yours, {shown(file)}, and not the shipped one of that name"
        for file in own
        if file.stem in known or file.parent.name in FOLDERS
    ]


def passed_over(recipe: Recipe) -> list[str]:
    """A line where parts of a mixture name worker processes: all parts are read by the same."""
    data = recipe.data
    if not isinstance(data, MixtureData):
        return []
    alike = data.workers, type(data).model_fields["workers"].default
    others = {
        name: one.workers for name, one in sections(data).values() if one.workers not in alike
    }
    named = ", ".join(f"{name} ({workers})" for name, workers in others.items())
    said = f"data.workers {data.workers} read all parts; what is said in {named} is passed over"
    return [said] if others else []


def unchecked(recipe: Recipe) -> list[str]:
    """What ring 1 cannot judge: architectures of a newer transformers than the tables are of."""
    model = recipe.model
    kind = model.config.get("model_type")
    if kind is None or model.trust_remote_code or kind in table("model")["types"]:
        return []
    return [
        f"model.config.model_type {kind} is not in this version's tables: transformers decides when"
        " the model is built (zoo check --deep), and the keys of model.config are not checked"
    ]
