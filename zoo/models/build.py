"""Builds the module of a recipe on the meta device and applies what the recipe says of it from
outside.
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from zoo.errors import ConfigError, Fault, near
from zoo.models.fill import move
from zoo.models.names import parameters_of
from zoo.models.upstream import (
    BatchNorm,
    attention_words,
    outside_of_accelerate,
    supports_sdpa,
    walkable,
)
from zoo.recipe import Recipe, origin
from zoo.recipe.instead import instead, left_out


def on_meta(model_class: Any, config: Any, attention: str, trust: bool = False) -> PreTrainedModel:
    """The model on the meta device, fp32, in training mode; no memory is taken.

    `sdpa` is what an architecture does where it has it; one that has not (resnet) computes the
    same eagerly.
    """
    if attention == "sdpa" and not supports_sdpa(model_class, config):
        attention = "eager"
    with torch.device("meta"):
        model: PreTrainedModel = model_class.from_config(
            walkable(config),
            attn_implementation=attention_words(config, attention),
            trust_remote_code=trust,
            dtype=torch.float32,
        )
    for module in model.modules():
        move(module, torch.device("meta"))  # wav2vec2's mask: torch.Tensor(n) knows no device
    model.train()
    return model


def matched(
    patterns: Sequence[str],
    names: Sequence[str],
    file: str,
    key: str,
    way: Callable[[str, Sequence[str]], str],
) -> list[str]:
    """The names that any pattern (shell glob, `*` crosses dots) matches; a ConfigError for one
    matching none, with what `way` proposes in its place.
    """
    strays = [one for one in patterns if not any(fnmatchcase(name, one) for name in names)]
    if strays:
        allowed = f"a pattern that matches a parameter such as {names[0]}"
        faults = [Fault(file, key, repr(one), allowed, way(one, names)) for one in strays]
        raise ConfigError(faults)
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def pattern_meant(pattern: str, names: Sequence[str]) -> str:
    """The module or parameter that is called most alike, as a pattern; else the first module's."""
    parts = [name.split(".") for name in names]
    modules = dict.fromkeys(f"{'.'.join(p[:n])}.*" for p in parts for n in range(1, len(p)))
    ends = {one.removesuffix(".*").rpartition(".")[2]: one for one in reversed(list(modules))}
    bare = pattern.strip("*.").rpartition(".")[2]
    alike = near(pattern, [*names, *modules]) or ends.get(near(bare, ends), "")
    return alike or next(iter(modules))


def freeze(model: nn.Module, recipe: Recipe) -> None:
    """Takes the gradient from the parameters that the patterns of `model.freeze` name.

    Raises ConfigError where a pattern matches none, or nothing is left to train; of an adapted
    model, where one matches what is trained beside the base, which is frozen anyway.
    """
    key, parameters = "model.freeze", dict(parameters_of(model))

    def way(pattern: str, names: Sequence[str]) -> str:
        return instead(recipe, key, pattern_meant(pattern, names), pattern)

    named = matched(recipe.model.freeze, list(parameters), origin(recipe, key), key, way)
    trained = [name for name, one in parameters.items() if one.requires_grad]
    hit = [name for name in trained if name in set(named)]
    found = allowed = ""
    if hit and recipe.model.lora is not None:
        found = f"a pattern of {', '.join(hit[:3])}, which model.lora trains"
        allowed = "patterns of its base, which is frozen anyway: model.lora says what is trained"
    elif len(hit) == len(trained):
        found, allowed = f"patterns of all {len(hit)} parameters", "some that are trained"
    if hit and found:
        fault = Fault(origin(recipe, key), key, found, allowed, left_out(recipe, key))
        raise ConfigError([fault])
    for name in named:
        parameters[name].requires_grad_(False)


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    """The modules that keep running statistics."""
    return [module for module in model.modules() if isinstance(module, BatchNorm)]


def stay_frozen(module: nn.Module, mode: bool = True) -> nn.Module:
    """Replaces `train` of a frozen BatchNorm: it never leaves evaluation."""
    return module


def in_fp32(module: BatchNorm, input: Tensor) -> Tensor:  # noqa: A002 (torch's word)
    """BatchNorm's forward with statistics and sums in fp32, whatever its weights and inputs are.

    Statistics stay fp32 when a model is cast; the kernels take weights of their type only.
    """
    weight, bias = (p if p is None else p.float() for p in (module.weight, module.bias))
    momentum = module.momentum
    if module.training and module.num_batches_tracked is not None:
        module.num_batches_tracked.add_(1)
        momentum = 1 / float(module.num_batches_tracked) if momentum is None else momentum
    batch = module.training or module.running_mean is None
    found = functional.batch_norm(
        input.float(), module.running_mean, module.running_var, weight, bias, batch,
        momentum or 0.0, module.eps,
    )  # fmt: skip
    return found.to(input.dtype)


def apply_batch_norm(model: nn.Module, policy: str, data: Any = None) -> nn.Module:
    """`frozen`: statistics and weights stay; `synchronized`: statistics over the group `data` of
    the data ranks (None: the world; GPUs only). Otherwise each computes in fp32.
    """
    if policy == "synchronized":
        synchronized: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model, data)
        return synchronized
    if policy == "frozen":
        for module in batch_norms(model):
            module.eval().requires_grad_(False)
            module.train = MethodType(stay_frozen, module)  # type: ignore[method-assign]
    for module in batch_norms(model):
        module.forward = MethodType(in_fp32, module)  # type: ignore[method-assign]
    return model


def alone_in_fp32(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The same loss in fp32, whatever the model computes in, and of this process's examples alone:
    no collective runs inside, and no other rank's boxes are counted.
    """

    def changed(*args: Any, **words: Any) -> Any:
        with outside_of_accelerate():
            return loss(*_in_fp32(args), **_in_fp32(words))

    return changed


def _in_fp32(value: Any) -> Any:
    """The same nested mappings and sequences with every floating tensor in fp32."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: _in_fp32(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_in_fp32(inner) for inner in value]
    return value
