"""The snippet of each kind's card runs, in a process that knows nothing of the zoo."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import transformers
from PIL import Image
from transformers import AutoTokenizer

from tests.runs import twin
from zoo.recipe import load_recipe
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.telling.card import usage
from zoo.training.checks import ring_two
from zoo.training.described import TEMPLATE


def exported(name: str | Path, folder: Path, *words: str) -> Path:
    """What the twin of a recipe exports, with random weights, and an image and a clip beside it."""
    recipe = load_recipe(name, ["data.workers=0", *words], tiny=True)
    task = ring_two(recipe, 1, None).task
    head = getattr(transformers, KINDS[recipe.task.kind].head)
    head.from_config(task.config).save_pretrained(folder)
    task.save(folder)
    extractor = getattr(task, "extractor", None)
    rate = int(extractor.sampling_rate) if extractor else 16_000
    noise = np.random.default_rng(0).normal(0, 0.1, rate).astype(np.float32)
    soundfile.write(folder / "speech.wav", noise, rate)
    Image.new("RGB", (64, 48), "red").save(folder / "image.jpg")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_snippet_of_a_card_runs(kind: str, tmp_path: Path) -> None:
    folder = exported(twin(kind), tmp_path)
    environment = {key: one for key, one in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-W", "error::FutureWarning", "-c", KINDS[kind].usage]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tinyllama-ultrachat-sft", []),
        ("bert-base-mrpc-finetune", ["task.problem=pairs", "data.name=docstring-preferences"]),
    ],
    ids=["chats", "rewards"],
)
def test_the_snippet_of_what_a_task_may_also_be_runs(
    name: str, words: list[str], tmp_path: Path
) -> None:
    folder = exported(name, tmp_path, *words)
    chats = (folder / TEMPLATE).is_file()
    code = usage(load_recipe(name, words, tiny=True), chats).removeprefix("```python")
    command = [sys.executable, "-c", code.removesuffix("```")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() and chats == ("chat" in code)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_an_exported_tokenizer_gives_segments_where_its_model_tells_texts_apart(
    family: str, tmp_path: Path
) -> None:
    folder = exported(f"{family}-base-mnli-finetune", tmp_path)
    given = AutoTokenizer.from_pretrained(folder)("one text", "another")
    assert ("token_type_ids" in given) == (family == "bert")
