"""An adapter is trained on every layout, alone in checkpoints, and loads wherever PEFT is."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import metadata_load
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.ranks import run_ranks
from tests.runs import losses
from zoo.errors import ConfigError, ResumeError
from zoo.models.adapters.digest import base_digest
from zoo.predicting.exported import exported
from zoo.recipe import load_recipe
from zoo.training.checks import ring_two
from zoo.training.disk.resuming import AS_IT_LIES, Start
from zoo.training.disk.weights import open_weights
from zoo.training.evaluate import evaluate, export_folder
from zoo.training.run import run

LORA = {"r": 4, "alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"]}
IDS = torch.arange(1, 41).view(2, 20)


def written(checkpoint: Path, folder: Path) -> Path:
    """The file of a recipe that trains an adapter on a checkpoint for a few steps, beside its text:
    before any rank reads them.
    """
    text = folder.parent / "text"
    text.mkdir(exist_ok=True)
    (text / "train.txt").write_text("I dreamed of a river that ran uphill to the moon.\n" * 400)
    files = {"folder": str(text), "train": "train.txt", "valid": "train.txt"}
    recipe = {
        "task": {"kind": "causal-lm", "sequence_length": 32},
        "model": {"name": str(checkpoint), "lora": LORA},
        "data": {"source": "files", **files, "workers": 0, "max_valid_examples": 1},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-2}, "gradient_clipping": 1.0},
        "run": {
            **{"steps": 6, "batch": 8, "micro_batch": 2, "folder": str(folder), "log_every": 1},
            **{"save_every": 3, "keep": 9, "report_to": [], "examples": 2},
        },
    }
    path = folder.parent / f"{folder.name}.json"
    path.write_text(json.dumps(recipe))
    return path


def adapt(path: Path, words: Sequence[str], start: Start = AS_IT_LIES) -> int:
    """A run of it."""
    return run(load_recipe(path, words), start)


def trained(world: int, checkpoint: Path, folder: Path, *words: str) -> Path:
    """The folder of a run in so many processes."""
    assert run_ranks(world, adapt, written(checkpoint, folder), words) == [0] * world
    return folder


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(IDS).logits
    return found


def keys(checkpoint: Path) -> set[str]:
    """What the files of a checkpoint hold."""
    found: set[str] = set()
    for path in checkpoint.glob("state-*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found |= set(file.keys())
    return found


@pytest.fixture(scope="module")
def adapted(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three steps, beside its `base`."""
    root = tmp_path_factory.mktemp("adapted")
    base = root / "base"
    shutil.copytree(small_data / "ckpt_aidreams260k", base)
    before = sha256((base / "model.safetensors").read_bytes()).hexdigest()
    folder = trained(1, base, root / "run", "parallel.zero.stage=1", "run.steps=3")
    assert sha256((base / "model.safetensors").read_bytes()).hexdigest() == before
    return folder


@contextmanager
def changed(base: Path) -> Iterator[None]:
    """While it is open one weight of a base is another."""
    path = base / "model.safetensors"
    before, tensors = path.read_bytes(), load_file(path)
    tensors["model.layers.0.self_attn.q_proj.weight"][0, 0] += 1e-3
    save_file(tensors, path, metadata={"format": "pt"})
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.mark.ranks(1)
def test_an_adapter_alone_is_saved_and_loads_in_peft_and_transformers(adapted: Path) -> None:
    folder, base = adapted, adapted.parent / "base"
    assert all(".lora_" in key for key in keys(folder / "checkpoints" / "step-00000003"))
    plain = AutoModelForCausalLM.from_pretrained(base)
    start = logits(plain)
    adapted = logits(PeftModel.from_pretrained(plain, folder / "model"))
    assert torch.equal(adapted, logits(AutoModelForCausalLM.from_pretrained(folder / "model")))
    assert float((adapted - start).abs().max()) > 0.1
    found = losses(folder)
    assert found[3] < found[1]
    head = metadata_load(folder / "model" / "README.md")
    assert head["library_name"] == "peft" and "lora" in head["tags"]


@pytest.mark.ranks(1)
def test_an_adapter_is_added_into_its_base_after_its_run(adapted: Path, tmp_path: Path) -> None:
    out = export_folder(adapted, tmp_path / "merged", merged=True)
    assert not (out / "adapter_config.json").exists()
    whole, alone = (AutoModelForCausalLM.from_pretrained(one) for one in (out, adapted / "model"))
    assert float((logits(whole) - logits(alone)).abs().max()) < 1e-5
    with pytest.raises(ConfigError, match="--merged: found a model without an adapter"):
        export_folder(out, tmp_path / "again", merged=True)


@pytest.mark.ranks(1)
def test_wherever_an_adapter_is_opened_a_base_that_changed_since_is_refused(
    adapted: Path, tmp_path: Path
) -> None:
    run, out, recipe = adapted, tmp_path / "out", adapted / "recipe.json"
    plain = ("model.lora=unset", f"run.folder={tmp_path / 'next'}")

    def start(place: Path, any_base: bool = False) -> Any:
        loaded = load_recipe(recipe, [f"model.weights={place}", *plain])
        return ring_two(loaded, 1, any_base=any_base)

    opened = {
        "eval of a run": lambda: evaluate(run, "valid"),
        "eval of a folder": lambda: evaluate(run / "model", "valid"),
        "export": lambda: export_folder(run, None),
        "predict": lambda: exported(run).loading,
        "start from a run": lambda: start(run),
        "start from a folder": lambda: start(run / "model"),
    }
    digests = base_digest([run.parent / "base" / "model.safetensors"])[:12]
    with changed(run.parent / "base"):
        digests += f".*{base_digest([run.parent / 'base' / 'model.safetensors'])[:12]}"
        for name, way in opened.items():
            with pytest.raises(ConfigError) as told:
                way()
            (fault,) = told.value.faults
            assert fault.nearest == "--accept-base", name
            assert re.search(digests, f"{fault.allowed} {fault.found}"), name
        assert exported(run, any_base=True).loading["config"].model_type == "llama"
        for place in (run, run / "model"):
            assert start(place, any_base=True).weights.names()
        again = export_folder(run, out, any_base=True)  # on the base of now, as the folder says
        assert exported(again).loading and start(again)
    with pytest.raises(ConfigError):
        start(again)
    for way in ("export", "predict", "start from a run", "start from a folder"):
        assert opened[way](), way


@pytest.mark.slow
@pytest.mark.ranks(1)
@pytest.mark.parametrize("dora", ["false", "true"])
def test_a_merged_export_is_a_plain_model_with_the_logits_of_the_adapter(
    small_data: Path, dora: str, tmp_path: Path
) -> None:
    base, word = small_data / "ckpt_aidreams260k", f"model.lora.use_dora={dora}"
    folder = trained(1, base, tmp_path / "run", word)
    plain = AutoModelForCausalLM.from_pretrained(base)
    adapted = logits(PeftModel.from_pretrained(plain, folder / "model"))
    assert torch.equal(adapted, logits(AutoModelForCausalLM.from_pretrained(folder / "model")))
    weights = open_weights(AutoModelForCausalLM.from_pretrained(base), str(folder), None)
    added = AutoModelForCausalLM.from_pretrained(base)
    added.load_state_dict({name: weights.tensor(name) for name in weights.names()}, strict=False)
    assert float((logits(added) - adapted).abs().max()) < 1e-5
    trained(1, base, folder, word, "run.export_merged=true")  # takes no step
    assert (folder / "model.1" / "adapter_config.json").exists()
    assert not (folder / "model" / "adapter_config.json").exists()
    plain = AutoModelForCausalLM.from_pretrained(folder / "model")
    assert float((logits(plain) - adapted).abs().max()) < 1e-5


def scored(place: Path) -> float:
    """The loss that `zoo eval` gives a folder."""
    return evaluate(place, "valid")["valid/loss"]


def evaluated(folder: Path) -> dict[int, float]:
    """The losses of a run's evaluations, by step."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return {one["step"]: one["valid/loss"] for one in lines if "valid/loss" in one}


@pytest.mark.slow
@pytest.mark.ranks(1)
def test_a_run_and_its_folder_are_scored_and_are_what_other_runs_start_from(
    small_data: Path, tmp_path: Path
) -> None:
    base = small_data / "ckpt_aidreams260k"
    first = trained(1, base, tmp_path / "first")
    expected = evaluated(first)[6]
    for place in (first, first / "model"):
        assert run_ranks(1, scored, place) == pytest.approx([expected], abs=1e-6)
    still = ("optimizer.params.lr=1e-12", "run.steps=1")
    for name, word in (("plain", "model.lora=unset"), ("further", "model.lora.r=4")):
        for place in (first, first / "model"):
            folder = trained(1, base, tmp_path / name, word, f"model.weights={place}", *still)
            assert evaluated(folder)[1] == pytest.approx(expected, abs=1e-5), (name, place)
            stands = folder / "model" / "adapter_config.json"
            if name == "further":  # on the base itself, not on the adapter before
                assert json.loads(stands.read_text())["base_model_name_or_path"] == str(base)
            shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.ranks(1)
def test_a_base_that_changed_under_a_stopped_run_is_seen_before_it_goes_on(
    small_data: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(small_data / "ckpt_aidreams260k", base)
    folder = trained(1, base, tmp_path / "run", "run.steps=3")
    kept = sorted((folder / "checkpoints").iterdir())
    with changed(base):
        refused = f"(?s){ResumeError.__name__}.*weights of its base"
        with pytest.raises(AssertionError, match=refused):
            trained(1, base, folder)
        assert sorted((folder / "checkpoints").iterdir()) == kept
        path = written(base, folder)
        assert run_ranks(1, adapt, path, (), Start(accept_base=True)) == [0]
