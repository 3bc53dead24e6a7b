"""A checkpoint keeps what it knows when tokens are added, and only what it lacks is drawn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BitsAndBytesConfig,
    PreTrainedModel,
)

from zoo.errors import ConfigError
from zoo.models.build import on_meta
from zoo.models.fill import fill
from zoo.models.weights import FileWeights, weight_files
from zoo.training.starting import fitting, refuse_quantised

SIZES = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "pad_token_id": None,
}  # fmt: skip
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (AutoModelForCausalLM, {"model_type": "llama"}),
    "tied": (AutoModelForCausalLM, {"model_type": "llama", "tie_word_embeddings": True}),
    "bert": (AutoModelForMaskedLM, {"model_type": "bert", "pad_token_id": 0}),
}
OLD = 40


def config(kind: str, tokens: int) -> Any:
    values = {**SIZES, **KINDS[kind][1], "vocab_size": tokens}
    return AutoConfig.for_model(values.pop("model_type"), **values)


def started(kind: str, folder: Path, tokens: int, same: bool) -> tuple[PreTrainedModel, list[str]]:
    """A model of so many tokens from the checkpoint in `folder`, and the lines on it."""
    model = on_meta(KINDS[kind][0], config(kind, tokens), "eager")
    given = FileWeights(model, weight_files(str(folder), None))
    weights, lines = fitting(model, given, "recipe", "model.name", lambda: same)
    fill(model, 7, weights, torch.device("cpu"))
    return model.eval(), lines


@pytest.fixture(params=KINDS)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, PreTrainedModel, Path]:
    """A kind, a model of it, and its folder."""
    torch.manual_seed(0)
    model = KINDS[request.param][0].from_config(config(request.param, OLD)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.save_pretrained(tmp_path)
    return request.param, model, tmp_path


def test_added_tokens_leave_the_old_rows_and_the_loss(checkpoint: Any) -> None:
    kind, old, folder = checkpoint
    new, lines = started(kind, folder, OLD + 2, same=True)
    theirs, ours = old.state_dict(), new.state_dict()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name][: len(tensor)], tensor), name
        if len(ours[name]) > len(tensor):
            drawn = ours[name][len(tensor) :]
            assert torch.allclose(drawn, tensor.mean(0).expand_as(drawn), atol=0.01)
            assert drawn.dim() == 1 or not torch.equal(drawn[0], drawn[1])
    assert lines and all(
        line.endswith("40 of the checkpoint's 40 rows are kept, 2 more are drawn") for line in lines
    )
    ids = torch.arange(OLD)[None]
    before, after = (m(input_ids=ids).logits.log_softmax(-1)[..., :OLD] for m in (old, new))
    assert 0 < (before - after).mean() < 2.5 / OLD, "two more tokens, each as likely as a mean one"


def test_fewer_tokens_keep_their_rows(checkpoint: Any) -> None:
    kind, old, folder = checkpoint
    new, lines = started(kind, folder, OLD - 10, same=True)
    rows = new.get_input_embeddings().weight
    assert torch.equal(rows, old.get_input_embeddings().weight[: OLD - 10])
    assert all(line.endswith("30 of the checkpoint's 40 rows are kept") for line in lines)


def test_other_tokens_are_drawn_anew(checkpoint: Any) -> None:
    kind, old, folder = checkpoint
    new, lines = started(kind, folder, OLD + 2, same=False)
    rows = new.get_input_embeddings().weight
    assert not torch.isclose(rows[1:OLD], old.get_input_embeddings().weight[1:]).any(1).any()
    assert all(line.endswith("filled anew") for line in lines)


@pytest.mark.parametrize("kept", [{"quant_method": "gptq"}, BitsAndBytesConfig(load_in_4bit=True)])
def test_weights_in_fewer_bits_are_refused_by_what_they_are(kept: Any) -> None:
    quantised = config("llama", OLD)
    model = on_meta(AutoModelForCausalLM, quantised, "eager")
    refuse_quantised(model, "a/base", "recipe.json", "model.name")
    model.config.quantization_config = kept
    with pytest.raises(ConfigError) as told:
        refuse_quantised(model, "a/base", "recipe.json", "model.name")
    (fault,) = told.value.faults
    assert "quantised already (" in fault.found
    assert "model.lora.bnb_4bit" in fault.allowed
