"""The weights that a run starts from: random, a pretrained folder or hub id, or an earlier run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from torch import Tensor
from transformers import PreTrainedModel

from zoo.errors import ConfigError, Fault
from zoo.models.adapters.place import (
    Scale,
    base_at,
    section_of_run,
)
from zoo.models.config import located
from zoo.models.fill import NoWeights, Weights
from zoo.models.names import of_adapter, plain_state
from zoo.recipe import Recipe, origin
from zoo.recipe.compose.catalog import RECIPE
from zoo.recipe.derived.exchange import optimizer_of
from zoo.recipe.spec.model import Lora
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.tasks.text.tokenizer import same_tokens
from zoo.training.disk.kept import CHECKPOINTS, fault_of
from zoo.training.disk.weights import Adapter, open_adapter, open_weights, run_weights
from zoo.training.reader import Reader


@dataclass(frozen=True)
class Fitting:
    """Weights without the tensors that do not fit the model, which are left to be filled."""

    inner: Weights
    fits: frozenset[str]

    def names(self) -> frozenset[str]:
        return self.fits

    def shape(self, name: str) -> tuple[int, ...]:
        return self.inner.shape(name)

    def tensor(self, name: str) -> Tensor:
        return self.inner.tensor(name)


def starting_weights(
    recipe: Recipe, model: PreTrainedModel, tokenizer: Any = None, any_base: bool = False
) -> tuple[Weights, list[str]]:
    """What `model.weights` (else `model.name`) says, and lines on what does not come from there.

    `model` is on meta; `tokenizer` is the task's, if it has one. Raises ConfigError where nothing
    can be read, a tensor that is no head or embedding has another shape, or an adapter was trained
    on another base than it is read on, unless `any_base` will do.
    """
    section = recipe.model
    place = section.weights or section.name
    if place is None or place == "random":
        return NoWeights(), []
    key = "model.weights" if section.weights else "model.name"
    revision = section.revision if key == "model.name" or place == section.name else None
    place = located(place)
    said = said_of_bits(section.lora, place)
    try:
        if section.lora is not None:
            opened = open_adapter(place, revision)
            place, revision = (place, revision) if opened else base_at(place, revision)
            said += said_of_scale(section.lora, opened)
        weights = open_weights(model, place, revision, any_base=any_base)
    except (OSError, HFValidationError) as error:
        found = f"{place} ({str(error).splitlines()[0]})"
        allowed = "a hub id, a folder with safetensors, or a run's folder"
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed)]) from None
    file = origin(recipe, key)
    refuse_quantised(model, place, file, key)
    refuse_untaken(model, weights, file, key)
    fit, lines = fitting(model, weights, file, key, lambda: same_tokens(recipe, tokenizer, place))
    return fit, [*said, *lines]


def said_of_bits(lora: Lora | None, place: str) -> list[str]:
    """The line on a run's adapter whose base is kept in other bits than where it was trained."""
    trained = section_of_run(place).get("lora")
    if not trained:
        return []
    then, now = bool(trained.get("bnb_4bit")), bool(lora and lora.bnb_4bit)
    bits = {True: "in 4 bits", False: "in full"}
    line = f"the adapter was trained over its base {bits[then]}, which is kept {bits[now]} here"
    return [line] if then != now else []


def said_of_scale(lora: Lora, opened: Adapter | None) -> list[str]:
    """The line on an adapter of which another share is added than where it was trained."""
    ours = Scale(lora.r, lora.alpha, lora.use_rslora).factor
    if opened is None or opened.scale.factor == ours:
        return []
    theirs = opened.scale.factor
    return [f"model.lora adds {ours:g} times the product, it was trained with {theirs:g} times"]


def refuse_quantised(model: PreTrainedModel, place: str, file: str, key: str) -> None:
    """Raises ConfigError for weights that are kept in fewer bits already, as their config says."""
    if kept := getattr(model.config, "quantization_config", None):
        how = kept if isinstance(kept, dict) else kept.to_dict()
        found = f"{place}, whose weights are quantised already ({how.get('quant_method')})"
        allowed = "the model that they were made from; model.lora.bnb_4bit keeps its base in 4 bits"
        raise ConfigError([Fault(file, key, found, allowed)])


def refuse_untaken(model: PreTrainedModel, weights: Weights, file: str, key: str) -> None:
    """Raises ConfigError for matrices of an adapter that the model has no place for."""
    untaken = sorted(filter(of_adapter, weights.names() - set(plain_state(model))))
    if untaken:
        found = f"an adapter of {', '.join(untaken[:3])}"
        raise ConfigError(
            [Fault(file, key, found, "adapters that model.lora.target_modules names")]
        )


def fitting(
    model: PreTrainedModel, weights: Weights, file: str, key: str,
    same: Callable[[], bool] = lambda: True,
) -> tuple[Weights, list[str]]:  # fmt: skip
    """The tensors that fit, and lines on the others.

    Heads and embeddings may differ in their number of labels or tokens: with more or fewer tokens,
    of which the checkpoint's are the `same` under their ids, their rows are kept.
    """
    given = weights.names()
    state = {n: one for n, one in plain_state(model).items() if n in given or not of_adapter(n)}
    wanted = {name: tuple(tensor.shape) for name, tensor in state.items()}
    found = {name: weights.shape(name) for name in given if name in wanted}
    other = {name for name, shape in found.items() if shape != wanted[name]}
    strange = [n for n in sorted(other) if found[n][1:] != wanted[n][1:] or not outer(model, n)]
    if strange or not found:
        shapes = [f"{name} of shape {list(found[name])}" for name in strange[:5]]
        allowed = [f"{list(wanted[name])}" for name in strange[:5]] or ["tensors of this model"]
        message = ", ".join(shapes) or "no tensor of this model"
        raise ConfigError([Fault(file, key, message, ", ".join(allowed))])
    tied = set(model.all_tied_weights_keys)
    missing = sorted(set(wanted) - set(found) - tied)
    of_tokens = {n for n in other if wanted[n][0] == getattr(model.config, "vocab_size", None)}
    kept = of_tokens if of_tokens and same() else set()
    lines = [
        resized(n, found[n][0], wanted[n][0])
        if n in kept
        else f"{n}: {list(found[n])} does not fit {list(wanted[n])}, filled anew"
        for n in sorted(other)
    ]
    lines += [f"{name}: not in the checkpoint, filled anew" for name in missing]
    return Fitting(weights, frozenset(found) - (other - kept)), lines


def resized(name: str, before: int, now: int) -> str:
    """The line on a tensor that has more or fewer rows than in the checkpoint."""
    drawn = f", {now - before} more are drawn" if now > before else ""
    return f"{name}: {min(before, now)} of the checkpoint's {before} rows are kept{drawn}"


def outer(model: PreTrainedModel, name: str) -> bool:
    """Whether a tensor's first dimension is the number of labels or of tokens."""
    size = plain_state(model)[name].shape[0]
    labels, tokens = (getattr(model.config, key, None) for key in ("num_labels", "vocab_size"))
    return not of_adapter(name) and size in (labels, tokens)


def starting_moments(recipe: Recipe, model: PreTrainedModel) -> Reader | None:
    """The checkpoint that `optimizer.state` names, None without; `model` is on meta.

    Raises ConfigError where it cannot be read, is of another rule, or lacks moments of a trained
    parameter in its shape.
    """
    place, key = recipe.optimizer.state, "optimizer.state"
    if place is None:
        return None

    def refuse(found: str, allowed: str) -> ConfigError:
        return ConfigError([Fault(origin(recipe, key), key, found, allowed)])

    entry, folder = optimizer_of(recipe), Path(place)
    try:
        reader = run_weights(folder) if (folder / CHECKPOINTS).is_dir() else one_checkpoint(folder)
        theirs = other_optimizer(reader.folder.parents[1])
    except OSError as error:
        raise refuse(str(error), "a run's folder, or one of its checkpoints") from None
    if theirs.update != entry.update or theirs.averages_itself > entry.averages_itself:
        forms = [n for n, one in OPTIMIZERS.items() if one.update == entry.update]
        raise refuse(f"{place}, of {theirs.doc}", f"a run of {' or '.join(forms)}, as this one")
    wanted = {
        f"{kind}/{name}": tuple(parameter.shape)
        for name, parameter in model.named_parameters()
        for kind in entry.moments
        if parameter.requires_grad
    }
    strange = [one for one, shape in wanted.items() if reader.shapes.get(one) != shape][:5]
    if strange:
        found = [f"{one} {list(reader.shapes.get(one, ())) or 'missing'}" for one in strange]
        allowed = ", ".join(f"{one} {list(wanted[one])}" for one in strange)
        raise refuse(f"{place} with {', '.join(found)}", allowed)
    return reader


def one_checkpoint(folder: Path) -> Reader:
    """A checkpoint by its own folder; FileNotFoundError where it is none, or not whole."""
    if fault := fault_of(folder):
        raise FileNotFoundError(fault)
    return Reader(folder)


def other_optimizer(root: Path) -> Optimizer:
    """What is known of a run's optimizer; FileNotFoundError where its recipe cannot be read."""
    try:
        written = json.loads((root / RECIPE).read_text(encoding="utf-8"))
        return OPTIMIZERS[written["optimizer"]["type"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FileNotFoundError(f"{root / RECIPE}: {type(error).__name__} {error}") from None
