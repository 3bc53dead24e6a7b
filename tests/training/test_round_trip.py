"""Weights of transformers' making go into stages and tensor slices and come back bit by bit."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.ranks import run_ranks
from tests.runs import CATALOG, SHORT, train
from zoo.recipe import load_recipe
from zoo.training.run import run

RECIPES = {
    "bert": "nlp/bert-base-wikipedia",
    "bert over texts": "nlp/bert-base-mnli-finetune",
    "gpt2": "nlp/gpt2-small-openwebtext",
    "llama": "nlp/llama-mini-shakespeare",
    "roberta": "nlp/roberta-base-wikipedia",
    "distilbert": "nlp/distilbert-base-sst2-finetune",
    "electra": "nlp/electra-small-mnli-finetune",
    "deberta-v2": "nlp/deberta-v3-base-mnli-finetune",
    "vit": "vision/vit-base-imagenet",
    "resnet": "vision/resnet50-imagenet",
    "parakeet": "speech/conformer-ctc-small-librispeech",
    "wav2vec2": "speech/wav2vec2-base-librispeech-100-finetune",
    "hubert": "speech/hubert-base-librispeech-100-finetune",
    "wav2vec2-conformer": "speech/wav2vec2-conformer-large-librispeech-finetune",
}
QUICK = ("gpt2", "parakeet")
ONE_STEP = (*SHORT, "run.steps=1", "parallel.zero.stage=0", "model.batch_norm=frozen")
STILL = (*ONE_STEP, "optimizer.params.lr=0.0", "parallel.pipeline.stages=2")


def run_whole(path: Path, changes: Sequence[str]) -> int:
    """`zoo train` in this process, without --tiny."""
    return run(load_recipe(path, changes))


def assert_equal(one: Path, other: Path) -> None:
    """The same names and the same bits in two exported folders."""
    before, after = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor.float(), after[name]), name


@pytest.mark.ranks(4)
@pytest.mark.parametrize(
    "family", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in RECIPES]
)
def test_a_checkpoint_through_stages_and_slices_comes_back_bit_by_bit(
    family: str, tmp_path: Path
) -> None:
    path, tensor = CATALOG / f"{RECIPES[family]}.json", 1 if family == "resnet" else 2
    stages = 1 if family == "deberta-v2" else 2
    train(1, path, tmp_path / "one", *ONE_STEP)
    words = [*STILL, f"parallel.tensor={tensor}", f"model.weights={tmp_path / 'one' / 'model'}"]
    words.append(f"parallel.pipeline.stages={stages}")
    train(stages * tensor, path, tmp_path / "cut", *words, "run.seed=7")
    assert_equal(tmp_path / "one" / "model", tmp_path / "cut" / "model")


@pytest.mark.ranks(4)
def test_transformers_checkpoint_through_stages_and_slices_comes_back_bit_by_bit(
    data_root: Path, tmp_path: Path
) -> None:
    checkpoint = data_root / "ckpt_aidreams260k"
    words = [f'model={{"name": "{checkpoint}"}}', *STILL, "parallel.tensor=2"]
    words += [f"data.folder={data_root / 'lm_tinyshakespeare'}", f"run.folder={tmp_path / 'cut'}"]
    words += ["run.batch=4", "run.micro_batch=4"]
    assert run_ranks(4, run_whole, CATALOG / "nlp/llama-mini-shakespeare.json", words) == [0] * 4
    assert_equal(checkpoint, tmp_path / "cut" / "model")
    AutoModelForCausalLM.from_pretrained(tmp_path / "cut" / "model")
