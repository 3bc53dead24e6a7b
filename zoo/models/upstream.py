"""Every place where models lean on what transformers and torch do not promise to keep.

One function a name, which says where upstream it lives; `tests/test_upstream.py` holds each of them
against the installed releases (written against transformers 5.23, torch 2.13).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from accelerate import PartialState
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask
from transformers.modeling_outputs import MoeModelOutputWithPast
from transformers.utils.hub import cached_file

BatchNorm: TypeAlias = _BatchNorm
"""What all BatchNorms are: torch/nn/modules/batchnorm.py: _BatchNorm."""

Steps = tuple[Sequence[WeightRenaming], Sequence[WeightConverter]]


def version(tensor: Tensor) -> int:
    """How often a tensor was written in place, on meta too: torch/_tensor.py: Tensor._version."""
    return tensor._version


def is_persistent(module: nn.Module, buffer: str) -> bool:
    """Whether a module's own buffer is saved: torch/nn/modules/module.py: register_buffer, which
    keeps the others' names in Module._non_persistent_buffers_set.
    """
    return buffer not in module._non_persistent_buffers_set


def cpu_computes_fp16() -> bool:
    """Whether this CPU multiplies in fp16: ATen's op mkldnn::_is_mkldnn_fp16_supported."""
    return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())


def initialise_own(owner: PreTrainedModel, module: nn.Module) -> None:
    """Draws a module's own initial values from the default generators: transformers/
    modeling_utils.py: PreTrainedModel._init_weights, and the families' own under that name.
    """
    owner._init_weights(module)


def supports_sdpa(auto_class: Any, config: PreTrainedConfig) -> bool:
    """Whether the model that an auto class makes of a configuration has attention by torch's sdpa;
    yes where nothing is known: transformers/models/auto/auto_factory.py:
    _BaseAutoModelClass._model_mapping, transformers/modeling_utils.py:
    PreTrainedModel._supports_sdpa.
    """
    known = getattr(auto_class, "_model_mapping", {})
    if type(config) not in known:
        return True
    found = known[type(config)]  # several classes of DeiT, the first of which is taken
    return bool((found[0] if isinstance(found, list | tuple) else found)._supports_sdpa)


def walkable(config: PreTrainedConfig) -> PreTrainedConfig:
    """The configuration with a list of architectures: of a type with several classes (DeiT) they
    are walked through, None too: transformers/models/auto/auto_factory.py: _get_model_class.
    """
    config.architectures = config.architectures or []
    return config


def attention_of(config: PreTrainedConfig) -> str | None:
    """The attention that a model of this configuration was built with: transformers/
    configuration_utils.py: PreTrainedConfig._attn_implementation.
    """
    found: str | None = config._attn_implementation
    return found


def attention_words(config: PreTrainedConfig, attention: str | None) -> str | dict[str, str] | None:
    """What asks a model for an attention, and a backbone for none: a convolutional one refuses the
    word that transformers hands on to it (transformers/modeling_utils.py: PreTrainedModel.
    _check_and_adjust_attn_implementation, by the names of PreTrainedConfig.sub_configs).
    """
    inner = getattr(config, "backbone_config", None)
    if inner is None or attention in (None, "eager"):
        return attention
    return {"": attention, "backbone_config": "eager"}


def set_inner_loss(model: PreTrainedModel, change: Callable[[Any], Any]) -> None:
    """Replaces what a model calls for its loss by what `change` makes of it: transformers/
    modeling_utils.py: PreTrainedModel.loss_function.
    """
    model.loss_function = change(model.loss_function)


@contextmanager
def outside_of_accelerate() -> Iterator[None]:
    """While it is open nobody has made an accelerate state (accelerate/state.py: PartialState.
    _shared_state): transformers/loss/loss_for_object_detection.py: ImageLoss.forward would sum the
    number of boxes over the world, a collective inside of the loss, and divide by ranks again.
    """
    kept = PartialState._shared_state
    PartialState._shared_state = {}
    try:
        yield
    finally:
        PartialState._shared_state = kept


def tied_names(model: nn.Module) -> dict[str, str]:
    """Tied parameters, each with the name of the one that it takes its values from: transformers/
    modeling_utils.py: PreTrainedModel.all_tied_weights_keys, set by post_init; none without it.
    """
    return dict(getattr(model, "all_tied_weights_keys", {}))


def forget_tie(model: PreTrainedModel, name: str) -> None:
    """Takes a parameter out of `tied_names`, so that `tie_weights(recompute_mapping=False)` leaves
    it alone: transformers/modeling_utils.py: PreTrainedModel.all_tied_weights_keys.
    """
    model.all_tied_weights_keys.pop(name)


def conversion_steps(model: PreTrainedModel) -> Steps:
    """What loading does to the keys of a checkpoint's files, in order: transformers/
    conversion_mapping.py: get_model_conversion_mapping.
    """
    steps = get_model_conversion_mapping(model)
    renamings = [step for step in steps if isinstance(step, WeightRenaming)]
    return renamings, [step for step in steps if isinstance(step, WeightConverter)]


def renamed(key: str, steps: Steps, prefix: str, known: Mapping[str, Tensor]) -> tuple[str, bool]:
    """The module tensor of a file's key, and whether loading merges or splits it: transformers/
    core_model_loading.py: rename_source_key. `prefix` is the model's `base_model_prefix`, `known`
    its state.
    """
    name, converter = rename_source_key(key, *steps, prefix, known)
    return name, converter is not None


def optional_file(name: str, file: str, revision: str | None) -> Path | None:
    """A file of a folder or hub id, downloaded into the cache where needed, None where there is
    none: transformers/utils/hub.py: cached_files(_raise_exceptions_for_missing_entries=).
    """
    found = cached_file(name, file, revision=revision, _raise_exceptions_for_missing_entries=False)
    return None if found is None else Path(found)


def pipeline_ends(config: PreTrainedConfig) -> tuple[str, str] | None:
    """The modules of a decoder's base model before and after its layers, None without a plan:
    transformers/configuration_utils.py: PreTrainedConfig.base_model_pp_plan.

    Read from the plans' form: the embedding alone takes `input_ids` and nothing else, and the norm
    stands last.
    """
    plan = getattr(config, "base_model_pp_plan", None)
    if not plan:
        return None
    front = next(name for name, (taken, _) in plan.items() if taken == ["input_ids"])
    return front, list(plan)[-1]


def tensor_plan(config: PreTrainedConfig) -> dict[str, str]:
    """How a decoder's matrices are cut, by globs below its base model: transformers/
    configuration_utils.py: PreTrainedConfig.base_model_tp_plan.
    """
    return dict(getattr(config, "base_model_tp_plan", None) or {})


def causal_mask(
    config: PreTrainedConfig, hidden: Tensor, mask: Tensor | None, positions: Tensor
) -> Any:
    """The causal mask as the configuration's attention takes it: transformers/masking_utils.py:
    create_causal_mask.
    """
    return create_causal_mask(
        config=config,
        inputs_embeds=hidden,
        attention_mask=mask,
        past_key_values=None,
        position_ids=positions,
    )


def bidirectional_mask(config: PreTrainedConfig, hidden: Tensor, mask: Tensor | None) -> Any:
    """The mask over padding as the configuration's attention takes it: transformers/
    masking_utils.py: create_bidirectional_mask.
    """
    return create_bidirectional_mask(config=config, inputs_embeds=hidden, attention_mask=mask)


def bert_mask(bert: Any, hidden: Tensor, mask: Tensor | None) -> Any:
    """The mask as BERT's layers take it, causal in a decoder: transformers/models/bert/
    modeling_bert.py: BertModel._create_attention_masks.
    """
    made, _ = bert._create_attention_masks(
        attention_mask=mask,
        encoder_attention_mask=None,
        embedding_output=hidden,
        encoder_hidden_states=None,
        past_key_values=None,
    )
    return made


def parakeet_frame_mask(encoder: Any, mask: Tensor, frames: int) -> Tensor:
    """Which subsampled frames are no padding (batch, frames), bool: transformers/models/parakeet/
    modeling_parakeet.py: ParakeetPreTrainedModel._get_output_attention_mask.
    """
    found: Tensor = encoder._get_output_attention_mask(mask, target_length=frames)
    return found


def wav2vec2_frame_mask(base: Any, mask: Tensor, frames: int) -> Tensor:
    """Which convolved frames are no padding (batch, frames), bool: transformers/models/
    wav2vec2_conformer/modeling_wav2vec2_conformer.py:
    Wav2Vec2ConformerPreTrainedModel._get_feature_vector_attention_mask, and that of Wav2Vec2 and
    Hubert, which has no adapter to leave out.
    """
    words = {"add_adapter": False} if hasattr(base.config, "add_adapter") else {}
    found: Tensor = base._get_feature_vector_attention_mask(frames, mask, **words)
    return found


def spec_augmented(base: Any, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Frames with SpecAugment's stretches masked in training: transformers/models/
    wav2vec2_conformer/modeling_wav2vec2_conformer.py: Wav2Vec2ConformerModel._mask_hidden_states,
    and that of Wav2Vec2 and Hubert.
    """
    found: Tensor = base._mask_hidden_states(hidden, attention_mask=mask)
    return found


@dataclass
class BaseAnswer(MoeModelOutputWithPast):
    """A base model's answer with every name that a causal model may ask for: transformers/
    modeling_outputs.py: MoeModelOutputWithPast.
    """

    cross_attentions: None = None
