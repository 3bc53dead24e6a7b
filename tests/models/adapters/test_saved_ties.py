"""Tied modules that are trained beside an adapter are, wherever it is loaded, what they were."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BertConfig, BertForMaskedLM, LlamaConfig

from zoo.models.adapters.folder import loaded_by, save_adapter
from zoo.models.adapters.inject import adapt, tie_faults
from zoo.recipe import Recipe, load_recipe

IDS = torch.arange(20).view(2, 10)


def read(folder: Path, saved: str, *words: str) -> Recipe:
    """A recipe of an adapter, beside which a module is saved, on the base in a folder."""
    lora = {"r": 2, "target_modules": ["q_proj"], "modules_to_save": [saved]}
    content = {
        "task": {"kind": "causal-lm", "sequence_length": 16},
        "model": {"name": str(folder), "lora": lora},
        "data": {"source": "built-in", "name": "stdlib-text"},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 1, "batch": 1, "micro_batch": 1, "folder": str(folder / "run")},
    }
    path = folder / "recipe.json"
    path.write_text(json.dumps(content))
    return load_recipe(path, words)


@pytest.mark.parametrize("saved", ["lm_head", "embed_tokens"])
def test_of_a_tied_pair_both_are_exported_and_loaded(saved: str, tmp_path: Path) -> None:
    sizes = {"vocab_size": 20, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    config = LlamaConfig(**sizes, num_attention_heads=2, tie_word_embeddings=True)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    model, recipe = AutoModelForCausalLM.from_pretrained(tmp_path), read(tmp_path, saved)
    assert recipe.model.lora is not None
    adapt(model, recipe.model.lora, "")
    assert tie_faults(model, recipe) == []
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += torch.randn_like(parameter)
        wanted = model.eval()(IDS).logits
    out = tmp_path / "adapter"
    save_adapter(model, recipe, out, "")
    base = AutoModelForCausalLM.from_pretrained(tmp_path)
    for again in (
        AutoModelForCausalLM.from_pretrained(out, **loaded_by(out)),
        PeftModel.from_pretrained(base, out),
    ):
        with torch.no_grad():
            assert torch.equal(again.eval()(IDS).logits, wanted)


def test_a_tied_module_that_holds_others_is_for_a_merged_export(tmp_path: Path) -> None:
    sizes = {"vocab_size": 20, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    model = BertForMaskedLM(BertConfig(**sizes, num_attention_heads=2))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("cls.predictions"))
    (fault,) = tie_faults(model, read(tmp_path, "predictions"))
    assert fault.key == "model.lora.modules_to_save" and "tied to cls.predictions" in fault.found
    merged = read(tmp_path, "predictions", fault.nearest)
    assert merged.run.export_merged and tie_faults(model, merged) == []
