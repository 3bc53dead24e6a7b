"""The base that an adapter stands on is known by what its files hold, and by the hub's commit."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from zoo.models.adapters import digest as module
from zoo.models.adapters.digest import base_digest
from zoo.models.weights import commit_of, weight_files


def test_a_base_is_known_by_its_tensors_however_files_share_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(name: str, *files: dict[str, torch.Tensor]) -> str:
        paths = [tmp_path / f"{name}-{number}.safetensors" for number in range(len(files))]
        for path, tensors in zip(paths, files, strict=True):
            save_file(tensors, path)
        return base_digest(paths)

    one, two = torch.arange(30_000.0), torch.ones(4, 5)
    known = of("known", {"a": one, "b": two})
    assert of("shared out", {"b": two}, {"a": one}) == known
    assert of("another shape", {"a": one, "b": two.view(5, 4)}) != known
    assert of("another type", {"a": one, "b": two.view(torch.int32)}) != known
    other = one.clone()
    other[7_000] = 0
    assert of("one value", {"a": other, "b": two}) != known
    monkeypatch.setattr(module, "READ_WHOLE", 0)
    sampled = of("sampled", {"a": one, "b": two})
    assert of("between stretches", {"a": other, "b": two}) == sampled
    for place in (0, 15_000, -1):
        other = one.clone()
        other[place] += 1
        assert of("in a stretch", {"a": other, "b": two}) != sampled


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(hub: Path, commit: str, *files: dict[str, torch.Tensor]) -> None:
    """Lays a commit of the model `one/model` into a cache as the newest, of one file or shards."""
    folder = hub / "models--one--model" / "snapshots" / commit
    folder.mkdir(parents=True)
    names = ["model.safetensors"]
    if len(files) > 1:
        names = [f"model-{number}.safetensors" for number in range(len(files))]
        places = {key: name for name, one in zip(names, files, strict=True) for key in one}
        index = {"metadata": {}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name, tensors in zip(names, files, strict=True):
        save_file(tensors, folder / name)
    refs = folder.parents[1] / "refs"
    refs.mkdir(exist_ok=True)
    (refs / "main").write_text(commit)


def test_a_base_from_the_hub_is_known_as_in_a_folder_and_by_its_commit(
    hub: Path, tmp_path: Path
) -> None:
    old, new = "a" * 40, "b" * 40
    tensors = {"a": torch.arange(100.0), "b": torch.ones(4, 5)}
    save_file(tensors, tmp_path / "model.safetensors")
    cached(hub, old, {"b": tensors["b"]}, {"a": tensors["a"]})
    known = base_digest(weight_files(str(tmp_path), None))
    assert base_digest(weight_files("one/model", None)) == known
    assert commit_of("one/model", None) == old and commit_of(str(tmp_path), None) is None
    cached(hub, new, tensors | {"b": torch.zeros(4, 5)})
    assert base_digest(weight_files("one/model", None)) != known
    assert base_digest(weight_files("one/model", old)) == known
    assert (commit_of("one/model", None), commit_of("one/model", old)) == (new, old)
