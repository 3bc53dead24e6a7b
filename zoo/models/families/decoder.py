"""Decoders with a pipeline plan upstream: the forward of `<Family>Model`, less others' layers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, PreTrainedConfig, PreTrainedModel

from zoo.models.families.heads import around_base, instead
from zoo.models.stage import Family, Hidden, Outputs, Stage, layer_names
from zoo.models.upstream import BaseAnswer, pipeline_ends, tensor_plan

# What travels between their layers is more than hidden states: chosen keys, streams, per-layer
# embeddings, keys and values of earlier layers, cycles over the same layers.
MORE_THAN_HIDDEN = frozenset(
    {
        "deepseek_v4",
        "gemma3n_text",
        "gemma4_text",
        "gemma4_unified_text",
        "glm_moe_dsa",
        "hrm_text",
        "hy_v4",
    }
)
MORE = "which trains whole: more than hidden states travels between its layers"


def family(config: PreTrainedConfig) -> Family | None:
    """The family of a language model whose configuration carries `base_model_pp_plan`, or None."""
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or config.model_type in MORE_THAN_HIDDEN:
        return None
    ends = pipeline_ends(config)
    if ends is None:
        return None
    front, norm = ends
    prefix = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].base_model_prefix

    def embed(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Hidden:
        tokens = model.get_submodule(f"{prefix}.{front}")(inputs["input_ids"])
        return tokens, inputs.get("attention_mask")

    def through(
        model: PreTrainedModel, stage: Stage, hidden: Tensor, mask: Tensor | None
    ) -> Tensor:
        if not (stage.first or stage.local):
            return hidden
        others = {*layer_names(model, found)} - {*stage.local}
        idle = [model.get_submodule(name) for name in (*others, f"{prefix}.{norm}")]
        with instead(dict.fromkeys(idle, first_argument)), arriving(stage, hidden):
            out = model.base_model(
                inputs_embeds=hidden,
                attention_mask=mask,
                position_ids=stage.positions,
                use_cache=False,
            )
        return out.last_hidden_state

    def head(model: PreTrainedModel, hidden: Tensor, mask: Tensor | None) -> Outputs:
        return own_head(model, model.get_submodule(f"{prefix}.{norm}")(hidden), mask)

    found = Family(
        first=(f"{prefix}.{front}",),
        layers=f"{prefix}.layers.*",
        embed=embed,
        head=head,
        shared=(f"{prefix}.rotary*",),
        through=through,
        tensor={f"{prefix}.{name}": style for name, style in tensor_plan(config).items()},
    )
    return found


def own_head(model: PreTrainedModel, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """The output of the model's own forward around a base model that gives `hidden`: caps and all.

    Token ids, from which sequence classification upstream finds the last token of each text, are
    stand-ins made from the mask: unlike there, a text's own pad token at its end is no padding.
    """
    pad = getattr(model.config, "pad_token_id", None) or 0
    ids = torch.full(hidden.shape[:2], pad + 1, device=hidden.device)
    if mask is not None:
        ids = ids - (mask == 0).long()
    done = BaseAnswer(last_hidden_state=hidden)
    return around_base(model, done, input_ids=ids, use_cache=False)


def first_argument(hidden: Tensor, *args: Any, **options: Any) -> Tensor:
    """The forward of a module that another stage runs."""
    return hidden


@contextmanager
def arriving(stage: Stage, hidden: Tensor) -> Iterator[None]:
    """Hands the first local layer what came from the stage before, untouched by the base model."""

    def replaced(module: nn.Module, args: Any, options: Any) -> tuple[Any, Any]:
        return (hidden, *args[1:]), options

    if stage.first:
        yield
        return
    handle = stage.runs[0].register_forward_pre_hook(replaced, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
