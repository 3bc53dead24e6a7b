"""A run over a base in 4 bits is scored, goes on and is started from as it was trained."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from tests.ranks import run_ranks
from tests.runs import losses
from tests.training.test_adapters import evaluated, scored, trained
from zoo.errors import ResumeError
from zoo.recipe import load_recipe
from zoo.training.checks import ring_two

NF4 = "model.lora.bnb_4bit.quant_type=nf4"


@pytest.mark.slow
@pytest.mark.ranks(1)
def test_what_is_scored_and_exported_of_an_adapter_over_4_bits_is_what_was_trained(
    small_data: Path, tmp_path: Path
) -> None:
    base = small_data / "ckpt_aidreams260k"
    folder = trained(1, base, tmp_path / "run", NF4)
    found = losses(folder)
    assert found[6] < found[1]
    assert run_ranks(1, scored, folder) == pytest.approx([evaluated(folder)[6]], abs=1e-6)
    whole = run_ranks(1, scored, trained(1, base, tmp_path / "whole"))
    assert abs(whole[0] - evaluated(folder)[6]) > 1e-3  # other numbers, and near
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    )
    in_bits = AutoModelForCausalLM.from_pretrained(base, quantization_config=config)
    in_bits.train()  # in evaluation a CPU of bf16 packs again, by blocks that this is too small for
    loaded = PeftModel.from_pretrained(in_bits, folder / "model").train()
    text = AutoTokenizer.from_pretrained(base)("I dreamed of a river", return_tensors="pt")
    ids = text["input_ids"]
    with torch.no_grad():
        told = loaded(ids, labels=ids).loss
        with loaded.disable_adapter():
            assert told < loaded(ids, labels=ids).loss
    settings = json.loads((folder / "model" / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == str(base)
    with pytest.raises(AssertionError, match=f"(?s){ResumeError.__name__}.*bnb_4bit"):
        trained(1, base, folder, "run.steps=8")


@pytest.mark.slow
@pytest.mark.ranks(1)
def test_whoever_starts_from_it_is_told_in_which_bits_its_base_was(
    small_data: Path, tmp_path: Path
) -> None:
    base = small_data / "ckpt_aidreams260k"
    folder = trained(1, base, tmp_path / "run", NF4, "run.steps=3")
    told = "the adapter was trained over its base in 4 bits, which is kept in full here"
    for word, said in (("model.lora=unset", True), ("model.lora.r=4", True), (NF4, False)):
        words = ["model.lora.bnb_4bit=unset"] if said else []
        recipe = load_recipe(folder / "recipe.json", [f"model.weights={folder}", *words, word])
        assert (told in ring_two(recipe, 1).notes) == said, word
