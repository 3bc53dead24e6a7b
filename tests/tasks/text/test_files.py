"""What a pretrained model has beside its weights is in the exported folder too."""

import json
import shutil

import pytest
from transformers import AutoTokenizer, GenerationConfig

from zoo.tasks.build import build_task, head_class
from zoo.tasks.text.files import GENERATION

GENERATES = {
    "do_sample": True, "temperature": 0.6, "top_p": 0.9, "repetition_penalty": 1.1,
    "eos_token_id": [2, 7], "pad_token_id": 0, "max_new_tokens": 12,
}  # fmt: skip


@pytest.fixture
def pretrained(small_data, tmp_path):
    """A Llama's folder with a configuration of its generation and a vocabulary of SentencePiece."""
    folder = tmp_path / "llama"
    shutil.copytree(small_data / "ckpt_aidreams260k", folder)
    (folder / GENERATION).write_text(json.dumps(GENERATES))
    (folder / "tokenizer.model").write_bytes(b"pieces")
    return folder


@pytest.fixture
def exported(make_recipe, make_source, pretrained, tmp_path):
    """The folder that a task of some model keys writes beside the model's own files."""

    def write(kind, **model):
        recipe = make_recipe(kind, name=str(pretrained), config={}, **model)
        task = build_task(recipe, make_source(kind))
        head_class(kind).from_config(task.config).save_pretrained(tmp_path / "out")
        task.save(tmp_path / "out")
        return tmp_path / "out"

    return write


def test_how_a_model_generates_is_kept_whole(exported):
    out = exported("causal-lm", tokenizer=None)
    assert json.loads((out / GENERATION).read_text()) == GENERATES
    assert GenerationConfig.from_pretrained(out).temperature == 0.6
    assert (out / "tokenizer.model").read_bytes() == b"pieces"


def test_another_tokenizer_brings_its_own_ends(exported):
    out = exported("causal-lm", tokenizer="characters")
    own = {"eos_token_id": AutoTokenizer.from_pretrained(out).eos_token_id}
    assert json.loads((out / GENERATION).read_text()) == GENERATES | own
    assert not (out / "tokenizer.model").exists()


def test_a_tokenizer_keeps_the_length_that_it_knows(exported, pretrained):
    known = AutoTokenizer.from_pretrained(pretrained)
    known.model_max_length, known.pad_token = 99, "</s>"
    known.save_pretrained(pretrained)
    out = exported("sequence-classification", tokenizer=None)
    assert AutoTokenizer.from_pretrained(out).model_max_length == 99
    assert not (out / GENERATION).exists()
