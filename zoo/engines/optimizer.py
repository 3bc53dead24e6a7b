"""Builds the optimizer that a recipe names: parameter groups, and torch's classes or ours."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from zoo.engines.algorithms import Adagrad, Lamb, Lion, Muon
from zoo.models.build import matched
from zoo.recipe.load import origin
from zoo.recipe.spec import Recipe


def adam(params: Any, adam_w_mode: bool = True, **settings: Any) -> Optimizer:
    """DeepSpeed's `Adam`: AdamW unless `adam_w_mode` is false."""
    kind = torch.optim.AdamW if adam_w_mode else torch.optim.Adam
    return kind(params, fused=True, **settings)


def adamw(params: Any, **settings: Any) -> Optimizer:
    """torch's fused AdamW, on CPUs and GPUs."""
    return torch.optim.AdamW(params, fused=True, **settings)


def sgd(params: Any, **settings: Any) -> Optimizer:
    """torch's SGD with momentum."""
    return torch.optim.SGD(params, **settings)


def lamb(params: Any, **settings: Any) -> Optimizer:
    """Our Lamb with DeepSpeed's defaults."""
    defaults: dict[str, Any] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    defaults |= {"bias_correction": True, "max_coeff": 10.0, "min_coeff": 0.01}
    return Lamb(params, **(defaults | settings))


def lion(params: Any, **settings: Any) -> Optimizer:
    """Our Lion with DeepSpeed's defaults."""
    return Lion(params, **({"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0} | settings))


def adagrad(params: Any, **settings: Any) -> Optimizer:
    """Our Adagrad with torch's defaults."""
    return Adagrad(params, **({"lr": 1e-2, "eps": 1e-10, "weight_decay": 0.0} | settings))


def muon(params: Any, **settings: Any) -> Optimizer:
    """Our Muon; groups carry `use_muon`."""
    defaults: dict[str, Any] = {
        "lr": 2e-2,
        "momentum": 0.95,
        "nesterov": True,
        "ns_steps": 5,
        "use_muon": True,
    }
    defaults |= {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    return Muon(params, **(defaults | settings))


def adafactor(params: Any, **settings: Any) -> Optimizer:
    """torch's Adafactor."""
    return torch.optim.Adafactor(params, **settings)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": adamw,
    "adam": adam,
    "sgd": sgd,
    "lamb": lamb,
    "lion": lion,
    "adagrad": adagrad,
    "muon": muon,
    "adafactor": adafactor,
}
# DeepSpeed's words that choose a kernel, not an algorithm: taken, without effect here.
KERNEL_WORDS = {"torch_adam", "fused", "amsgrad_fallback"}


def dimensions(parameter: nn.Parameter) -> int:
    """How many dimensions a parameter has, partitioned or not."""
    return len(getattr(parameter, "ds_shape", parameter.shape))


def embeddings(model: nn.Module) -> set[int]:
    """The ids of embedding and output matrices, which Muon leaves to Adam."""
    found = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    head = getattr(model, "get_output_embeddings", lambda: None)()
    return found | ({id(head.weight)} if head is not None else set())


def settings_of(recipe: Recipe, model: nn.Module) -> dict[str, dict[str, Any]]:
    """Each trained parameter's own hyper-parameters: section, weight decay rule, then matching
    groups.
    """
    section = recipe.optimizer
    muon_words = section.type.lower() == "muon"
    left_to_adam = embeddings(model) if muon_words else set()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found: dict[str, dict[str, Any]] = {}
    for name, parameter in trained.items():
        matrix = dimensions(parameter) >= 2
        own: dict[str, Any] = {
            "weight_decay": section.params.get("weight_decay", default_decay(section.type))
        }
        if section.weight_decay_on == "matrices" and not matrix:
            own["weight_decay"] = 0.0
        if muon_words:
            own["use_muon"] = matrix and id(parameter) not in left_to_adam
            lr = section.params.get("muon_lr" if own["use_muon"] else "adam_lr")
            own |= {"lr": lr} if lr is not None else {}
        found[name] = own
    for pattern, changes in section.groups.items():
        key = f"optimizer.groups.{pattern}"
        for name in matched([pattern], list(trained), origin(recipe, key), key):
            found[name] |= changes
    return found


def default_decay(kind: str) -> float:
    """The weight decay of an optimizer whose section does not say one (torch's AdamW has 0.01)."""
    return 0.01 if kind.lower() in ("adamw", "adam") else 0.0


def parameter_groups(recipe: Recipe, model: nn.Module) -> list[dict[str, Any]]:
    """Groups of parameters with equal settings, in the order of their first member; `names` beside
    `params`.
    """
    parameters = dict(model.named_parameters())
    groups: dict[str, dict[str, Any]] = {}
    for name, settings in settings_of(recipe, model).items():
        group = groups.setdefault(
            repr(sorted(settings.items())), settings | {"params": [], "names": []}
        )
        group["params"].append(parameters[name])
        group["names"].append(name)
    return list(groups.values())


def build_optimizer(recipe: Recipe, model: nn.Module) -> Optimizer:
    """The optimizer of the recipe over the model's trained parameters."""
    section = recipe.optimizer
    outside = KERNEL_WORDS | {"muon_lr", "adam_lr"}
    settings = {key: value for key, value in section.params.items() if key not in outside}
    groups = [
        {key: value for key, value in group.items() if key not in ("names", *outside)}
        for group in parameter_groups(recipe, model)
    ]
    return OPTIMIZERS[section.type.lower()](groups, **tupled(settings))


def tupled(settings: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that optimizers take."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def state_names(optimizer: Optimizer) -> Iterable[str]:
    """The names of an optimizer's tensor states (without `step`), before any step was taken."""
    known = {
        torch.optim.SGD: ("momentum_buffer",),
        torch.optim.Adam: ("exp_avg", "exp_avg_sq"),
        torch.optim.AdamW: ("exp_avg", "exp_avg_sq"),
    }
    if isinstance(optimizer, torch.optim.SGD) and not optimizer.defaults["momentum"]:
        return ()
    return known.get(type(optimizer), getattr(optimizer, "state_names", ()))
