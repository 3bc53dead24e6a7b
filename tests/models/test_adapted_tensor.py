"""An adapter on tensor ranks computes what it does on one, and drops alike what all ranks read."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.models.cut_models import KINDS
from tests.models.test_tensor import compared, masked
from tests.ranks import run_ranks
from zoo.recipe.spec.model import Lora


def in_a_group(look: Callable[[Lora], Any], lora: Lora) -> Any:
    """What a look finds among ranks that share tensors."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = look(lora)
    dist.destroy_process_group()
    return found


def every_kind(lora: Lora) -> dict[str, dict[str, Any]]:
    return {kind: compared(kind, lora) for kind in KINDS}


def dropped(lora: Lora) -> dict[str, Any]:
    return masked("llama", lora)


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("use_dora", [False, True])
def test_a_cut_adapter_computes_what_the_whole_one_does(use_dora: bool) -> None:
    lora = Lora(r=4, alpha=8, target_modules="all-linear", use_dora=use_dora)
    for rank in run_ranks(2, in_a_group, every_kind, lora):
        for kind, found in rank.items():
            print(kind, found["logits"], found["gradients"], len(found["split"]))
            assert found["logits"] < 5e-6 and found["gradients"] < 5e-5, kind
            assert found["replicated"] and found["joined"] and found["flagged"], kind
            assert any(".lora_" in name for name in found["split"]), kind


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("use_dora", [False, True])
def test_an_adapters_dropout_differs_where_its_input_is_cut_only(use_dora: bool) -> None:
    lora = Lora(r=4, dropout=0.2, target_modules="all-linear", use_dora=use_dora)
    for found in run_ranks(2, in_a_group, dropped, lora):
        assert found["logits"] and found["generators"] and found["again"] and found["another"]
        assert len(found["different"]) == 2 * 7
        for name, share in found["different"].items():
            inside = "o_proj" in name or "down_proj" in name
            assert share > 0.1 if inside else share == 0, name
        assert max(found["recomputed"].values()) < 2e-6
