"""What transformers and torch do not promise, asked through one function each."""

import torch
from torch import nn
from transformers import (
    AutoModelForImageClassification,
    BertConfig,
    BertModel,
    LlamaConfig,
    ResNetConfig,
    ViTConfig,
)

from zoo.models.upstream import (
    BatchNorm,
    attention_of,
    cpu_computes_fp16,
    is_persistent,
    pipeline_ends,
    supports_sdpa,
    tensor_plan,
    version,
)


def test_a_resnet_has_no_sdpa_and_a_vit_has() -> None:
    assert supports_sdpa(AutoModelForImageClassification, ViTConfig())
    assert not supports_sdpa(AutoModelForImageClassification, ResNetConfig())


def test_what_an_auto_class_does_not_know_is_taken_to_have_sdpa() -> None:
    assert supports_sdpa(AutoModelForImageClassification, BertConfig())
    assert supports_sdpa(nn.Module, BertConfig())


def test_attention_is_what_the_model_was_built_with() -> None:
    config = BertConfig(num_hidden_layers=1, attn_implementation="eager")
    with torch.device("meta"):
        assert attention_of(BertModel(config).config) == "eager"


def test_a_buffer_persists_unless_it_was_registered_otherwise() -> None:
    module = nn.Module()
    module.register_buffer("kept", torch.zeros(1))
    module.register_buffer("computed", torch.zeros(1), persistent=False)
    assert is_persistent(module, "kept") and not is_persistent(module, "computed")


def test_every_kind_of_batch_norm_is_one() -> None:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    assert all(isinstance(kind(2), BatchNorm) for kind in kinds)
    assert not isinstance(nn.GroupNorm(1, 2), BatchNorm)


def test_a_write_on_meta_is_counted() -> None:
    tensor = torch.empty(2, device="meta")
    before = version(tensor)
    tensor.fill_(1.0)
    assert version(tensor) == before + 1


def test_a_family_without_plans_has_neither_ends_nor_cuts() -> None:
    assert pipeline_ends(BertConfig()) is None and tensor_plan(BertConfig()) == {}
    assert tensor_plan(LlamaConfig())["layers.*.self_attn.q_proj"] == "colwise"


def test_the_cpu_says_whether_it_computes_fp16() -> None:
    assert isinstance(cpu_computes_fp16(), bool)
