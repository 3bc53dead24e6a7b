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
from zoo.layout import Place
from zoo.models.adapters.folder import base_place
from zoo.models.fill import NoWeights, Weights
from zoo.models.names import of_adapter, plain_state
from zoo.models.weights import FileWeights, untie, weight_files
from zoo.recipe import Recipe, origin
from zoo.recipe.compose.catalog import RECIPE
from zoo.recipe.derived.exchange import optimizer_of
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.tasks.text.tokenizer import same_tokens
from zoo.training.disk.kept import CHECKPOINTS, fault_of, folders, size_fault, whole
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


def run_weights(root: Path, read: Callable[[Path], Reader] = Reader) -> Reader:
    """The weights of a run's newest whole checkpoint; FileNotFoundError if it has none.

    Several ranks, which are not met yet, judge by the files' sizes, each reads a share of the bytes
    to prove it, and none takes an older one than the others.
    """
    place = Place.from_environment()
    if place.world == 1:
        found = whole(root)
    else:
        found = next((folder for folder in folders(root) if size_fault(folder) is None), None)
        fault = fault_of(found, place.rank, place.world) if found else None
        if fault:
            raise FileNotFoundError(fault)
    if found is None:
        raise FileNotFoundError(f"{root} holds no whole checkpoint")
    return read(found)


def open_weights(
    model: PreTrainedModel, place: str, revision: str | None,
    read: Callable[[Path], Reader] = Reader,
) -> Weights:  # fmt: skip
    """The weights of a run folder (`read` says which), a Hugging Face folder or a hub id; what they
    hold apart is untied in the model, which is on meta.
    """
    weights: Weights
    if (Path(place) / "checkpoints").is_dir():
        weights = run_weights(Path(place), read)
    else:
        weights = FileWeights(model, weight_files(place, revision))
    untie(model, weights)
    return weights


def starting_weights(
    recipe: Recipe, model: PreTrainedModel, tokenizer: Any = None
) -> tuple[Weights, list[str]]:
    """What `model.weights` (else `model.name`) says, and lines on what does not come from there.

    `model` is on meta; `tokenizer` is the task's, if it has one. Raises ConfigError where nothing
    can be read or a tensor that is no head or embedding has another shape.
    """
    section = recipe.model
    place = section.weights or section.name
    if place is None or place == "random":
        return NoWeights(), []
    key = "model.weights" if section.weights else "model.name"
    revision = section.revision if key == "model.name" or place == section.name else None
    if section.lora is not None:
        place = base_place(recipe)
    try:
        weights = open_weights(model, place, revision)
    except (OSError, HFValidationError) as error:
        found = f"{place} ({str(error).splitlines()[0]})"
        allowed = "a hub id, a folder with safetensors, or a run's folder"
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed)]) from None
    return fitting(
        model, weights, origin(recipe, key), key, lambda: same_tokens(recipe, tokenizer, place)
    )


def fitting(
    model: PreTrainedModel, weights: Weights, file: str, key: str,
    same: Callable[[], bool] = lambda: True,
) -> tuple[Weights, list[str]]:  # fmt: skip
    """The tensors that fit, and lines on the others.

    Heads and embeddings may differ in their number of labels or tokens: with more or fewer tokens,
    of which the checkpoint's are the `same` under their ids, their rows are kept.
    """
    state = {name: one for name, one in plain_state(model).items() if not of_adapter(name)}
    wanted = {name: tuple(tensor.shape) for name, tensor in state.items()}
    found = {name: weights.shape(name) for name in weights.names() if name in wanted}
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
    config = model.config
    return size in (getattr(config, "num_labels", None), getattr(config, "vocab_size", None))


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
