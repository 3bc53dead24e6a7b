"""A base in 4 bits has the numbers that transformers gives it, and learns as plain matrices of
those numbers would.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D

from tests.models.cut_models import inputs, meta
from zoo.models.adapters.inject import adapt, adapters_off
from zoo.models.adapters.quantised import bytes_of_scales, packable, packer
from zoo.models.fill import NoWeights, fill, leave, whole_weight
from zoo.models.weights import FileWeights
from zoo.recipe.spec.model import Bnb4bit, Lora

NF4, FP4 = Bnb4bit(), Bnb4bit(quant_type="fp4", use_double_quant=False)
CPU = torch.device("cpu")


@pytest.fixture
def base(kind: str, tmp_path: Path) -> Path:
    """A folder with a model of that kind."""
    model = meta(kind)
    fill(model, 3, NoWeights(), CPU)
    model.save_pretrained(tmp_path)
    return tmp_path


def adapted(kind: str, base: Path, bnb: Bnb4bit | None, dtype: torch.dtype, **lora: Any) -> Any:
    """A model with adapters on the folder's weights, which are packed where that is said."""
    model = meta(kind)
    adapt(model, Lora(target_modules="all-linear", **lora), "recipe.json")
    pack = packer(model, bnb, dtype) if bnb else leave
    fill(model, 0, FileWeights(model, [base / "model.safetensors"]), CPU, pack=pack)
    for parameter in model.parameters():
        if parameter.is_floating_point():  # and no buffers: frequencies stay in fp32
            parameter.data = parameter.data.to(dtype)
    return model.eval()


def learned(model: Any, kind: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradients of all that is trained, with factors that are not zero."""
    torch.manual_seed(5)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(0.0, 0.1)
    logits = model(**inputs(kind)).logits
    logits.square().mean().backward()
    return logits.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("kind", "bnb", "dtype"),
    [("llama", NF4, torch.float32), ("gpt2", NF4, torch.bfloat16), ("llama", FP4, torch.bfloat16)],
)
def test_a_packed_base_gives_the_logits_that_transformers_gives_it(
    kind: str, bnb: Bnb4bit, dtype: torch.dtype, base: Path
) -> None:
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=bnb.quant_type,
        bnb_4bit_use_double_quant=bnb.use_double_quant,
        bnb_4bit_compute_dtype=dtype,
    )
    theirs = AutoModelForCausalLM.from_pretrained(base, quantization_config=config, dtype=dtype)
    theirs.train()  # without dropout; in evaluation a CPU of bf16 packs and computes otherwise
    ours = adapted(kind, base, bnb, dtype)
    with torch.no_grad(), adapters_off(ours):
        assert torch.equal(ours(**inputs(kind)).logits, theirs(**inputs(kind)).logits)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("dora", [False, True])
def test_an_adapter_learns_on_it_as_on_plain_matrices_of_its_numbers(
    kind: str, dora: bool, base: Path
) -> None:
    packed = adapted(kind, base, NF4, torch.float32, use_dora=dora)
    plain = adapted(kind, base, None, torch.float32, use_dora=dora)
    names = [name for name, _ in packable(plain)]
    assert names
    for name in names:
        lying = isinstance(plain.get_submodule(name), Conv1D)  # packed as linear layers lie
        value = whole_weight(packed.get_submodule(name))
        plain.get_submodule(name).weight.data = value.T if lying else value
    ours, theirs = learned(packed, kind), learned(plain, kind)
    assert torch.allclose(ours[0], theirs[0], atol=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    assert all(torch.allclose(ours[1][name], theirs[1][name], atol=1e-5) for name in ours[1])


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_dora_begins_as_its_packed_base(kind: str, base: Path) -> None:
    model = adapted(kind, base, NF4, torch.float32, use_dora=True)
    with torch.no_grad():
        found = model(**inputs(kind)).logits
        with adapters_off(model):
            assert torch.allclose(found, model(**inputs(kind)).logits, atol=1e-6)


@pytest.mark.parametrize("kind", ["llama"])
@pytest.mark.parametrize("bnb", [NF4, FP4])
def test_heads_and_what_is_trained_stay_whole_and_bytes_are_those_that_are_told(
    kind: str, bnb: Bnb4bit, base: Path
) -> None:
    model = adapted(kind, base, bnb, torch.float32, modules_to_save=("gate_proj",))
    packed = {n: p for n, p in model.named_parameters() if hasattr(p, "quant_state")}
    assert len(packed) == 2 * 6
    assert not any("lm_head" in name or "gate_proj" in name or "norm" in name for name in packed)
    for parameter in packed.values():
        state, nested = parameter.quant_state, parameter.quant_state.state2
        scales = [state.absmax, *([nested.absmax] if nested else [])]
        assert parameter.nbytes * 2 == state.shape.numel()
        assert sum(one.nbytes for one in scales) == bytes_of_scales(state.shape.numel(), bnb)
