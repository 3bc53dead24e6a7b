"""How deep each parameter of a model lies, for learning rates that fall with depth."""

from torch import nn
from transformers import PreTrainedModel

from zoo.errors import ConfigError, Fault
from zoo.models.families import family_of
from zoo.models.names import parameters_of
from zoo.models.stage import layer_names, positions
from zoo.recipe import Recipe, origin

KEY = "optimizer.layer_decay"


def shares(recipe: Recipe, model: PreTrainedModel) -> dict[str, float]:
    """What each parameter's rate is multiplied with: `layer_decay` once for every place above it.

    Empty without that key; ConfigError for a model in which no layers are found. Places are counted
    as BEiT counts them: 0 before the layers, 1.. in one, the last after them (run_class_finetuning
    of microsoft/unilm, beit/optim_factory.py: get_num_layer_for_vit).
    """
    decay = recipe.optimizer.layer_decay
    if decay is None:
        return {}
    found, last = places(model)
    if last == 1:
        kind = model.config.model_type
        said, allowed = f"{decay:g} for {kind}", "no such key: this model has no lists of layers"
        raise ConfigError([Fault(origin(recipe, KEY), KEY, said, allowed)])
    return {name: decay ** (last - place) for name, place in found.items()}


def places(model: PreTrainedModel) -> tuple[dict[str, int], int]:
    """The place of each parameter, and the last place, which lies after all layers.

    As the family says; without one, what stands between two layers counts to the one before it.
    """
    family = family_of(model.config)
    if family is not None:
        layers, known = layer_names(model, family), positions(model, family)
        where = {name: known[name] for name, _ in parameters_of(model)}
        return {n: at for n, at in where.items() if at is not None}, len(layers) + 1
    layers, names = listed_layers(model), [name for name, _ in parameters_of(model)]
    numbers = {name: number for number, name in enumerate(layers, 1)}
    inside = {name: numbers[layer] for name in names if (layer := above(name, numbers))}
    after = max((names.index(name) for name in inside), default=-1)
    found: dict[str, int] = {}
    at = 0
    for index, name in enumerate(names):
        at = inside.get(name, at) if index <= after else len(layers) + 1
        found[name] = at
    return found, len(layers) + 1


def above(name: str, layers: dict[str, int]) -> str | None:
    """The layer that a parameter lies in, if it lies in one."""
    parts = name.split(".")
    heads = (".".join(parts[:end]) for end in range(1, len(parts)))
    return next((head for head in heads if head in layers), None)


def listed_layers(model: PreTrainedModel) -> list[str]:
    """The members of the base model's innermost lists of layers, in the order of registration.

    A list of layers holds modules of one class, which is none of torch's; a member that holds such
    a list itself is a stage, not a layer.
    """
    base = model.base_model
    start = next((f"{name}." for name, part in model.named_modules() if part is base and name), "")
    members = {
        f"{start}{name}.{key}"
        for name, part in base.named_modules()
        if isinstance(part, nn.ModuleList) and alike(part)
        for key, _ in part.named_children()
    }
    names = [name for name, _ in model.named_modules() if name in members]
    return [n for n in names if not any(other.startswith(f"{n}.") for other in names)]


def alike(several: nn.ModuleList) -> bool:
    """Whether all are of one class, which is none of torch's."""
    kinds = {type(one) for one in several}
    return len(kinds) == 1 and not next(iter(kinds)).__module__.startswith("torch.")
