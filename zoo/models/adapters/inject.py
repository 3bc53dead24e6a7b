"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) put around a meta model's matrices, by PEFT.

What is adapted stays where it is and as it is: a matrix `q_proj` becomes `q_proj.base_layer` beside
`q_proj.lora_A.default` and `q_proj.lora_B.default`; zoo.models.names says how others call it.
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.errors import ConfigError, Fault, near
from zoo.models.adapters.place import ADAPTER
from zoo.models.adapters.quantised import without_advice
from zoo.models.fill import Weights, is_adapted
from zoo.models.names import parameters_of
from zoo.models.upstream import tied_names
from zoo.recipe import Recipe, origin
from zoo.recipe.checks.ways_out import word_of
from zoo.recipe.compose.merge import UNSET
from zoo.recipe.derived.adapter import exports_adapter
from zoo.recipe.spec.model import Lora

KEY = "model.lora"
QUERY_AND_VALUE = (
    *(("q_proj", "v_proj"), ("query", "value"), ("q_lin", "v_lin"), ("linear_q", "linear_v")),
    *(("query_proj", "value_proj"), ("Wqkv",), ("qkv_proj",), ("query_key_value",), ("c_attn",)),
)
"""How families call attention's projections that an adapter takes by default."""


def adapt(model: PreTrainedModel, lora: Lora, file: str) -> None:
    """Puts adapters into a meta model in place; they and `modules_to_save` alone are trained then.

    Modules keep their names and classes but for those that are adapted. Raises ConfigError, of
    `file`, where patterns match nothing or what is matched cannot be adapted.
    """
    with without_advice():
        from peft import LoraConfig, inject_adapter_in_model
    targets = lora.target_modules or default_targets(model)
    faults = target_faults(model, targets, file) if not isinstance(targets, str) else []
    faults += saved_faults(model, lora, file)
    if faults:
        raise ConfigError(faults)
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
    )
    try:
        inject_adapter_in_model(config, model, ADAPTER)
    except (ValueError, TypeError) as error:
        found = " ".join(str(error).split())
        key, allowed = f"{KEY}.target_modules", "names of linear layers, or all-linear"
        raise ConfigError([Fault(file, key, found, allowed, f"{key}=all-linear")]) from None
    for parameter in saved(model, lora):
        parameter.requires_grad_(True)


def default_targets(model: nn.Module) -> Sequence[str]:
    """PEFT's default for a family, else attention's queries and values; else all linear layers."""
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PEFTS

    config: Any = model.config
    known = PEFTS.get(config.model_type)
    last = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if known is not None and last.issuperset(known):
        return tuple(known)
    return next((one for one in QUERY_AND_VALUE if last.issuperset(one)), "all-linear")


def ends_in(name: str, ending: str) -> bool:
    """Whether a module's name is, or ends in the parts of, another: how PEFT matches its lists."""
    return name == ending or name.endswith(f".{ending}")


def target_faults(model: PreTrainedModel, targets: Sequence[str], file: str) -> list[Fault]:
    """Names that match no module, and tied matrices, whose twins would not be adapted."""
    key, faults = f"{KEY}.target_modules", []
    names = [name for name, _ in model.named_modules() if name]
    ties = tied_names(model)
    tied = {name.rpartition(".")[0] for name in (*ties, *ties.values())}
    for target in targets:
        hit = [name for name in names if ends_in(name, target)]
        if not hit:
            allowed, meant = other(model, target)
            way = with_others(key, targets, target, meant) or f"{key}=all-linear"
            faults.append(Fault(file, key, f"{target!r}, which matches no module", allowed, way))
        found, allowed = f"{target!r}, which is tied to another matrix", "modules of their own"
        faults += [
            Fault(file, key, found, allowed, f"{key}=all-linear") for name in hit if name in tied
        ]
    return faults


def saved_faults(model: PreTrainedModel, lora: Lora, file: str) -> list[Fault]:
    """Names in `modules_to_save` that match no module with parameters."""
    owners = [n for n, m in model.named_modules() if n and any(True for _ in m.parameters())]
    key, faults = f"{KEY}.modules_to_save", []
    for one in lora.modules_to_save:
        if not any(ends_in(name, one) for name in owners):
            allowed, meant = other(model, one, owners)
            way = with_others(key, lora.modules_to_save, one, meant) or f"{key}={UNSET}"
            faults.append(Fault(file, key, f"{one!r}, which matches no module", allowed, way))
    return faults


def with_others(key: str, words: Sequence[str], wrong: str, meant: str) -> str:
    """The word for a list with what was meant in the place of what is wrong, or without that;
    nothing where nothing is left.
    """
    rest = [meant if word == wrong else word for word in words if meant or word != wrong]
    return shlex.join((word_of(tuple(key.split(".")), rest),)) if rest else ""


def other(model: nn.Module, word: str, names: Iterable[str] | None = None) -> tuple[str, str]:
    """The names that could have been meant, all and the nearest."""
    linear = (n for n, m in model.named_modules() if type(m).__name__ in ("Linear", "Conv1D"))
    ends = sorted({name.rpartition(".")[2] for name in (linear if names is None else names)})
    ends = [end for end in ends if not end.isdigit()]
    return f"endings of modules' names: {', '.join(ends[:20])}", near(word, ends) or ""


def saved(model: nn.Module, lora: Lora) -> Iterator[nn.Parameter]:
    """The parameters of the modules that are trained whole beside the adapters."""
    for name, module in model.named_modules():
        if any(ends_in(name, one) for one in lora.modules_to_save):
            yield from module.parameters()


def trained_ties(model: PreTrainedModel) -> dict[str, str]:
    """Tied parameters that are trained whole, each with the one that it takes its values from."""
    ties = tied_names(model)
    return {name: one for name, one in ties.items() if model.get_parameter(one).requires_grad}


def tie_faults(model: PreTrainedModel, recipe: Recipe) -> list[Fault]:
    """Tied modules to save that hold other modules: PEFT, which keeps both of a pair by themselves,
    would have to keep these with all that is in them.
    """
    key, faults = f"{KEY}.modules_to_save", []
    for pair in trained_ties(model).items() if exports_adapter(recipe) else ():
        owners = [name.rpartition(".")[0] for name in pair]
        if any(any(model.get_submodule(one).children()) for one in owners):
            found = f"{pair[0]}, which is tied to {pair[1]}"
            allowed = "modules whose parameters are their own, or run.export_merged"
            way = "run.export_merged=true"
            faults.append(Fault(origin(recipe, key), key, found, allowed, way))
    return faults


def base_faults(model: PreTrainedModel, recipe: Recipe, weights: Weights) -> list[Fault]:
    """Frozen tensors of an adapted model that its base lacks, or has in another shape: nobody who
    loads the adapter would have their values. A base that is drawn whole is exported merged.
    """
    lora, file = recipe.model.lora, origin(recipe, KEY)
    if lora is None:
        return []
    given, ties = weights.names(), tied_names(model)
    frozen = {name: p for name, p in parameters_of(model) if not p.requires_grad}
    fresh = [name for name in frozen if given and name not in given and name not in ties]
    faults = tie_faults(model, recipe)
    if fresh:
        heads = sorted({name.rpartition(".")[0] for name in fresh})
        found = f"{', '.join(fresh[:5])} drawn anew and frozen: {lora.modules_to_save or 'nothing'}"
        words = ", ".join(f'"{head.split(".")[0]}"' for head in heads[:1])
        faults.append(
            Fault(
                file, f"{KEY}.modules_to_save", found, "the modules that the base lacks",
                f"{KEY}.modules_to_save=[{words}]",
            )
        )  # fmt: skip
    held: list[tuple[str, Tensor]] = [(n, p) for n, p in parameters_of(model) if n in given]
    for name, tensor in held:
        if (shape := weights.shape(name)) != tuple(tensor.shape):
            found = f"{name} of shape {list(tensor.shape)} over a base with {list(shape)}"
            faults.append(Fault(file, KEY, found, "the shapes of the base, which is loaded first"))
    return faults


@contextmanager
def adapters_off(model: nn.Module) -> Iterator[None]:
    """While it is open an adapted model computes as its base does; others are as they are.

    Gradients, values and modes stay. Modules that are trained whole (`modules_to_save`) keep their
    trained values: with such the base is not met.
    """
    layers: list[Any] = [one for one in model.modules() if hasattr(one, "_disable_adapters")]
    before = [layer._disable_adapters for layer in layers]
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer, off in zip(layers, before, strict=True):
            layer._disable_adapters = off


def merged(model: PreTrainedModel) -> PreTrainedModel:
    """An adapted, filled model as a plain one: W + scaling * B A in every adapted matrix, in place.

    Weights must not be partitioned.
    """
    adapted = [(n, m) for n, m in model.named_modules() if is_adapted(m)]
    for name, module in adapted:
        layer: Any = module
        layer.merge()
        owner, _, key = name.rpartition(".")
        setattr(model.get_submodule(owner), key, layer.get_base_layer())
    del model.peft_config
    return model
