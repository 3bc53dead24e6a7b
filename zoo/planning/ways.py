"""The ways of sending gradients that a recipe may take: the words that choose each, and the rules.

Nothing here knows a rule: each way is laid over the recipe as the command line would, and what
`zoo check` says of it is its answer.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zoo.errors import ConfigError, Fault, collected
from zoo.layout import Layout
from zoo.planning.link import Link, link_of
from zoo.recipe import Recipe, load_recipe, origin
from zoo.recipe.derived.batching import batching
from zoo.recipe.derived.exchange import (
    averages_itself,
    compression_kind,
    optimizer_of,
    steps_before,
    zero_stage,
)
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS

WHOLE = "fp32 all-reduce"
FREEZE = "0.2"  # 15 to 25 % of the steps are usual
KEPT = ("lr", "betas", "eps", "weight_decay", "max_coeff", "min_coeff")
GROWING = "its intervals grow over a run, so no step stands for the others"


@dataclass(frozen=True)
class Way:
    """How gradients may travel: the words to add to a recipe's, and the recipe that they make.

    Without a recipe it is left out, for the reason in `refused`.
    """

    name: str
    words: tuple[str, ...]
    recipe: Recipe | None
    refused: str = ""


@dataclass(frozen=True)
class Question:
    """What `zoo advise` was asked; the first way is the one that others are compared with."""

    recipe: Recipe
    link: Link
    ways: tuple[Way, ...]


def question(
    path: str, changes: Sequence[str], tiny: bool, bandwidth: str, nodes: int, per_node: int
) -> Question:
    """Reads the command line and the recipe, without torch; a ConfigError holds all faults."""
    faults: list[Fault] = []
    recipe, link = None, None
    with collected(faults):
        recipe = load_recipe(path, changes, tiny)
        faults += cut_faults(recipe)
    with collected(faults):
        link = link_of(bandwidth, nodes, per_node)
    if recipe and link and not faults:
        with collected(faults):
            batching(recipe, Layout.of(data=link.ranks))
    if recipe is None or link is None or faults:
        raise ConfigError(faults)
    found = [judged(name, words, path, changes, tiny) for name, words in candidates(recipe)]
    if found[0].recipe is None:
        load_recipe(path, changes, tiny, last=found[0].words)  # says why nothing can be compared
    found += [Way(name, (), None, why) for name, why in left_out(recipe)]
    return Question(recipe, link, tuple(found))


def left_out(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Forms of one bit that are not weighed, each with its reason."""
    for name, entry in OPTIMIZERS.items():
        ours = entry.update == optimizer_of(recipe).update
        if entry.averages_itself and ours and entry.intervals_grow:
            yield entry.title, GROWING
        if entry.sharded_by and not ours:
            dense = [n for n, one in OPTIMIZERS.items() if one.update == entry.update]
            plain = sorted(n for n in dense if not OPTIMIZERS[n].averages_itself)
            why = f"optimizer.type: found {recipe.optimizer.type}; allowed: {', '.join(plain)}"
            for title, _ in one_bit_ways(recipe, name):
                yield title, why


def cut_faults(recipe: Recipe) -> list[Fault]:
    """One process measures the whole model: stages and tensor ranks are none of this."""
    parallel = recipe.parallel
    degrees = {"pipeline.stages": parallel.pipeline.stages, "tensor": parallel.tensor}
    return [
        Fault(origin(recipe, f"parallel.{key}"), f"parallel.{key}", str(degree), "1 for zoo advise")
        for key, degree in degrees.items()
        if degree > 1
    ]


def judged(name: str, words: Sequence[str], path: str, changes: Sequence[str], tiny: bool) -> Way:
    """A way with its recipe, or with what the rules say against it."""
    try:
        return Way(name, tuple(words), load_recipe(path, changes, tiny, last=words))
    except ConfigError as error:
        said = [f"{one.key}: found {one.found}; allowed: {one.allowed}" for one in error.faults]
        return Way(name, tuple(words), None, "; ".join(dict.fromkeys(said)))


def candidates(recipe: Recipe) -> Iterator[tuple[str, list[str]]]:
    """Each way's name and words: whole gradients, shorter ones, and momenta of one bit."""
    own = optimizer_of(recipe)
    dense = other_optimizer(recipe, own.dense or recipe.optimizer.type)
    yield WHOLE, [*no_compression(recipe), *dense]
    for kind in (kind for kind, one in COMPRESSORS.items() if one.advised):
        same = kind == compression_kind(recipe)
        chosen = [] if same else [f"parallel.compression.kind={kind}"]
        yield kind, [*stage(recipe, 0), *chosen, *dense]
    for name, entry in OPTIMIZERS.items():
        if entry.averages_itself and entry.update == own.update and not entry.intervals_grow:
            yield from one_bit_ways(recipe, name)


def one_bit_ways(recipe: Recipe, name: str) -> Iterator[tuple[str, list[str]]]:
    """An optimizer that averages itself, whole and over the owners of ZeRO stage 1."""
    entry = OPTIMIZERS[name]
    words = [*no_compression(recipe), *other_optimizer(recipe, name)]
    yield entry.title, [*stage(recipe, 0), *words]
    if not entry.sharded_by:
        return
    codecs = entry.parameters["parameter_codec"]
    own = recipe.optimizer.params.get("parameter_codec", codecs.default)
    current = codecs.default if words else own
    for codec in codecs.node["enum"]:
        down = [] if codec == current else [f"optimizer.params.parameter_codec={codec}"]
        yield f"{entry.title}, ZeRO-1, {codec} down", [*stage(recipe, 1), *words, *down]


def stage(recipe: Recipe, wanted: int) -> list[str]:
    """The word that chooses a ZeRO stage, where the recipe has another."""
    return [] if zero_stage(recipe) == wanted else [f"parallel.zero.stage={wanted}"]


def no_compression(recipe: Recipe) -> list[str]:
    """The word that takes a recipe's compressor away."""
    return ["parallel.compression=false"] if compression_kind(recipe) else []


def other_optimizer(recipe: Recipe, name: str) -> list[str]:
    """The words that choose another optimizer and keep what both have of rates and decay."""
    if name == recipe.optimizer.type:
        return []
    params, entry = recipe.optimizer.params, OPTIMIZERS[name]
    kept = [key for key in KEPT if key in params and key in entry.parameters]
    words = [
        f"optimizer.params.{key}={json.dumps(params[key], separators=(',', ':'))}" for key in kept
    ]
    freeze = [f"optimizer.params.{entry.begins}={FREEZE}"] if entry.begins else []
    return [f"optimizer.type={name}", *words, *freeze]


def in_full_effect(recipe: Recipe) -> Recipe:
    """The recipe with no dense steps but the one that a variance takes: what is calibrated.

    Patterns of optimizer groups go, which cost nothing and may miss a part of the model.
    """
    parallel, params = recipe.parallel, recipe.optimizer.params
    if parallel.compression and hasattr(parallel.compression, "start"):
        compression = parallel.compression.model_copy(update={"start": 0})
        parallel = parallel.model_copy(update={"compression": compression})
    if averages_itself(recipe):
        params = {**params, optimizer_of(recipe).begins: 1}
    optimizer = recipe.optimizer.model_copy(update={"params": params, "groups": {}})
    return recipe.model_copy(update={"parallel": parallel, "optimizer": optimizer})


def dense_share(recipe: Recipe, steps: int) -> float:
    """The share of a run of `steps` in which gradients still travel whole."""
    return min(steps_before(recipe, steps) / steps, 1.0)
