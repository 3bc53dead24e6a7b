"""With dropout and LayerDrop on, every cut of a model computes what the whole model does."""

from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel

from tests.models.cut_models import KINDS, inputs, meta
from zoo.models.draws import Draws
from zoo.models.families import family_of
from zoo.models.fill import NoWeights, fill
from zoo.models.places import draw_by_place
from zoo.models.stage import Stage, layer_names

CPU = torch.device("cpu")
STEP = 3
DROP = {
    "bert": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
    "distilbert": ("dropout", "attention_dropout"),
    "gpt2": ("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    "llama": ("attention_dropout",),
    "vit": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
    "parakeet": ("dropout", "dropout_positions", "attention_dropout", "activation_dropout"),
    "wav2vec2-conformer": (
        *("hidden_dropout", "activation_dropout", "attention_dropout"),
        *("feat_proj_dropout", "final_dropout", "conformer_conv_dropout"),
    ),
    "wav2vec2": (
        *("hidden_dropout", "activation_dropout", "attention_dropout"),
        *("feat_proj_dropout", "final_dropout"),
    ),
}
LAYER_DROP = ("parakeet", "wav2vec2-conformer", "wav2vec2")
CASES = [(kind, 0.0) for kind in DROP] + [(kind, 0.5) for kind in LAYER_DROP]


def drawing(kind: str, layer_drop: float) -> tuple[PreTrainedModel, Draws]:
    """A small model in training with all its dropout on, recomputing its layers."""
    rates = dict.fromkeys(DROP[kind], 0.2)
    model = meta(kind, rates | ({"layerdrop": layer_drop} if layer_drop else {}))
    fill(model, 0, NoWeights(), CPU)
    draws = Draws(7, CPU)
    draw_by_place(model, family_of(model.config), draws)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    return model.train(), draws


def stages_of(model: PreTrainedModel, draws: Draws) -> list[Stage]:
    """Embedding, each layer and head on a stage of its own."""
    family = family_of(model.config)
    assert family is not None
    count = len(layer_names(model, family)) + 2
    return [Stage(model, family, range(count + 1), n, draws) for n in range(count)]


def in_a_row(stages: list[Stage], batch: dict[str, Tensor], draws: Draws, micro: int) -> Tensor:
    """What the last stage gives; each takes up the micro-batch, as on a rank of its own."""
    received: Any = tuple(batch.values())
    for stage in stages:
        stage.names = tuple(batch)
        draws.begin(STEP, micro)
        received = stage(received)
    found: Tensor = received["logits"]
    return found


def gradients(model: PreTrainedModel) -> dict[str, Tensor]:
    """By name, taken away."""
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize(("kind", "layer_drop"), CASES)
def test_a_cut_model_draws_what_the_whole_one_does(kind: str, layer_drop: float) -> None:
    model, draws = drawing(kind, layer_drop)
    batch, stages = inputs(kind), stages_of(model, draws)
    wholes = []
    for micro in (0, 5):
        draws.begin(STEP, micro)
        wholes.append(model(**batch).logits)
        wholes[-1].square().mean().backward()
    expected = gradients(model)
    cuts = [in_a_row(stages, batch, draws, micro) for micro in (0, 5)]  # as 1F1B: two under way
    for cut in cuts:
        cut.square().mean().backward()
    found = gradients(model)
    assert not torch.allclose(wholes[0], wholes[1]), "nothing was dropped"
    for cut, whole in zip(cuts, wholes, strict=True):
        assert torch.allclose(cut, whole, atol=1e-6)
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[n], g, atol=1e-6) for n, g in expected.items())


def test_every_kind_has_its_dropout_here() -> None:
    assert DROP.keys() <= KINDS.keys()
    modules = {family_of(meta(kind).config).embed.__module__ for kind in DROP}  # type: ignore[union-attr]
    assert len(modules) == len(DROP)


def unispeech(layer_drop: float) -> tuple[PreTrainedModel, Draws, list[int]]:
    """A model that trains whole, and the layers that it ran."""
    small = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "vocab_size": 5}
    convolutions = {"conv_dim": (8,), "conv_kernel": (8,), "conv_stride": (8,)}
    convolutions |= {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    config = transformers.UniSpeechConfig(
        num_hidden_layers=6, layerdrop=layer_drop, apply_spec_augment=False, **small, **convolutions
    )
    model, draws, ran = transformers.UniSpeechForCTC(config).train(), Draws(7, CPU), list[int]()
    draw_by_place(model, family_of(config), draws)
    for number, layer in enumerate(model.unispeech.encoder.layers):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    return model, draws, ran


def test_layer_drop_is_drawn_once_a_step_and_dropout_in_every_micro_batch() -> None:
    model, draws, ran = unispeech(0.5)
    runs: dict[tuple[int, int], tuple[list[int], Tensor]] = {}
    for step, micro in ((0, 0), (0, 1), (1, 0), (2, 0), (0, 0)):
        ran.clear()
        draws.begin(step, micro)
        logits = model(torch.ones(1, 64)).logits
        if (step, micro) in runs:
            assert torch.equal(logits, runs[step, micro][1])
        runs[step, micro] = [*ran], logits
    assert runs[0, 0][0] == runs[0, 1][0], "another micro-batch left out other layers"
    assert len({tuple(layers) for layers, _ in runs.values()}) > 1, "every step left out the same"
    assert not torch.allclose(runs[0, 0][1], runs[0, 1][1])


def test_without_layer_drop_a_whole_model_is_left_alone() -> None:
    model, _, _ = unispeech(0.0)
    assert type(model.unispeech.encoder.layers) is torch.nn.ModuleList
