"""An adapter's base in 4 bits (QLoRA, Dettmers et al. 2023, arXiv 2305.14314), by bitsandbytes.

A packed matrix stays the module that it was, under its name: its weight is bitsandbytes' and its
forward multiplies by that. All that is not a linear layer's weight keeps the run's precision, and
so do heads, tied matrices and what is trained.
"""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from zoo.errors import Fault
from zoo.models.names import plain
from zoo.models.upstream import tied_names
from zoo.recipe import Recipe, origin
from zoo.recipe.derived.adapter import in_4_bits
from zoo.recipe.spec.model import Bnb4bit

BLOCK = 64  # weights that share a scale: bitsandbytes/functional.py: quantize_4bit
SCALES = 256  # scales that share one, with use_double_quant
FP32 = 4


def packable(model: PreTrainedModel) -> Iterator[tuple[str, nn.Module]]:
    """The frozen linear layers that go into 4 bits, by name: all but the output layer and tied
    ones, as transformers/quantizers/base.py: get_keys_to_not_convert.
    """
    ties, head = tied_names(model), model.get_output_embeddings()
    shared = {name.rpartition(".")[0] for name in (*ties, *ties.values())}
    for name, module in model.named_modules():
        linear = type(module) is nn.Linear or isinstance(module, Conv1D)
        if not linear or module is head or plain(name) in shared:
            continue
        if not module.get_parameter("weight").requires_grad:
            yield name, module


def nothing_to_pack(model: PreTrainedModel, recipe: Recipe) -> list[Fault]:
    """A base that is to be kept in 4 bits and has no linear layer, or only trained ones."""
    if not in_4_bits(recipe) or any(True for _ in packable(model)):
        return []
    key, found = "model.lora.bnb_4bit", f"a {model.config.model_type} without frozen linear layers"
    allowed = "a base with some, or unset: other weights keep run.precision"
    return [Fault(origin(recipe, key), key, found, allowed, f"{key}=unset")]


def packer(model: PreTrainedModel, bnb: Bnb4bit, dtype: torch.dtype) -> Callable[[nn.Module], None]:
    """What puts those modules of a filled unit into 4 bits that are `packable` of the model, from
    values in `dtype`, where they lie.
    """
    chosen = {module for _, module in packable(model)}

    def pack(unit: nn.Module) -> None:
        for module in chosen.intersection(unit.modules()):
            pack_weight(module, bnb, dtype)
        for layer in unit.modules():
            turned = getattr(layer, "base_layer", None)
            if isinstance(turned, Conv1D) and turned in chosen:
                for lengths in getattr(layer, "lora_magnitude_vector", {}).values():
                    lengths.fan_in_fan_out = False  # what DoRA reads lies as Linear's does

    return pack


def pack_weight(module: Any, bnb: Bnb4bit, dtype: torch.dtype) -> None:
    """Packs one linear layer's weight in place; it multiplies by it from then on."""
    from bitsandbytes.nn.modules import Params4bit

    value = module.weight.detach().to(dtype)
    packed: Any = Params4bit(
        value.T.contiguous() if isinstance(module, Conv1D) else value,
        requires_grad=False,
        quant_type=bnb.quant_type,
        compress_statistics=bnb.use_double_quant,
    )
    module.weight = packed.to(value.device)
    module.forward = MethodType(times_4_bits, module)


def times_4_bits(module: Any, hidden: Tensor) -> Tensor:
    """A packed layer's forward; its backward unpacks the weight again, and keeps only it packed."""
    from bitsandbytes.autograd._functions import matmul_4bit

    packed = module.weight
    found: Tensor = matmul_4bit(
        hidden, packed.t(), bias=module.bias, quant_state=packed.quant_state
    )
    return found


def bytes_of_scales(elements: int, bnb: Bnb4bit) -> int:
    """What a packed matrix keeps beside its two weights a byte: a scale of BLOCK weights, in fp32
    or in 8 bits with one for SCALES of them (bitsandbytes/functional.py: quantize_4bit).
    """
    scales = math.ceil(elements / BLOCK)
    return scales + FP32 * math.ceil(scales / SCALES) if bnb.use_double_quant else FP32 * scales


@contextmanager
def without_advice() -> Iterator[None]:
    """While it is open bitsandbytes, which PEFT loads where it is installed, tells no rank of
    packages that it would like.
    """
    logger = logging.getLogger("bitsandbytes")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
