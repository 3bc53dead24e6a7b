"""An ONNX graph answers as torch does at every size, or is not written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from tests.telling.test_usage import exported
from zoo.errors import ConfigError
from zoo.publishing import onnx_file
from zoo.publishing.onnx_file import difference, free_axes, refused_onnx, to_onnx, told_as_fault
from zoo.recipe import expanded, load_recipe
from zoo.recipe.vocabulary.kinds import kind_of


class Doubled(nn.Module):
    """Gives twice its input."""

    def __init__(self, off: float = 0.0) -> None:
        super().__init__()
        self.off = off

    def forward(self, input_values: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": 2 * input_values + self.off}


def doubling(path: Path, shape: tuple[Any, ...]) -> Path:
    """A graph that gives twice its input, of axes that are free (names) or not."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    one, two = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name in ("input_values", "logits")
    )
    nodes = [onnx.helper.make_node("Add", ["input_values", "input_values"], ["logits"])]
    graph = onnx.helper.make_graph(nodes, "doubling", [one], [two])
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_a_graph_is_held_to_torchs_answers_at_two_sizes(tmp_path: Path) -> None:
    inputs = {"input_values": torch.randn(4, 9)}
    free = doubling(tmp_path / "free.onnx", ("batch", "length"))
    assert difference(Doubled(), inputs, ["logits"], free) == 0.0
    with pytest.raises(ValueError, match=r"logits of onnxruntime is 0\.001 off"):
        difference(Doubled(1e-3), inputs, ["logits"], free)
    for shape in (("batch", 9), (4, "length")):
        fixed = doubling(tmp_path / "fixed.onnx", shape)
        with (
            pytest.raises(ConfigError, match="onnx of toy, which torch and onnxruntime"),
            told_as_fault("toy"),
        ):
            difference(Doubled(), inputs, ["logits"], fixed)


def test_an_image_has_its_size_and_all_else_its_length() -> None:
    assert free_axes(torch.zeros(2, 3, 8, 8)) == {0: "batch"}
    assert free_axes(torch.zeros(2, 30, 8)) == free_axes(torch.zeros(2, 30))


def described(name: str, folder: Path) -> Path:
    """What the twin of a recipe exports, with random weights and its recipe."""
    recipe = load_recipe(name, ["data.workers=0", "data.max_valid_examples=8"], tiny=True)
    exported(name, folder)
    (folder / "recipe.json").write_text(json.dumps(expanded(recipe)))
    return folder


def test_what_is_no_single_graph_or_not_installed_is_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("t5-small-xsum", tiny=True)
    (tmp_path / "recipe.json").write_text(json.dumps(expanded(recipe)))
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: name != "onnxscript")
    with pytest.raises(ConfigError) as caught:
        refused_onnx(tmp_path)
    first, second = map(str, caught.value.faults)
    assert "without onnxscript" in first and "zoo[onnx]" in first
    assert "sequence-to-sequence, which writes token by token" in second


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("bert-base-sst2-finetune", 21),
        ("bert-base-cased-conll2003", 21),
        ("gpt2-small-openwebtext", 21),
        ("vit-base-imagenet", 0),
        ("resnet50-imagenet", 0),
        ("segformer-b0-ade20k", 0),
        ("conformer-mini-fsdd", 83),
        ("wav2vec2-base-librispeech-100-finetune", 9001),
    ],
)
def test_an_exported_graph_answers_as_plain_transformers(
    name: str, length: int, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = described(name, tmp_path)
    path, apart = to_onnx(folder)
    assert path == folder / "onnx" / "model.onnx" and apart < 1e-4
    assert not list(folder.glob(".onnx*"))
    head = kind_of(load_recipe(name, tiny=True).task).head
    model = getattr(transformers, head).from_pretrained(folder).eval()
    session = onnxruntime.InferenceSession(path)
    generator, given = torch.Generator().manual_seed(0), {}
    for one in session.get_inputs():
        free = {"batch": 3, "length": length}
        shape = [free.get(axis, axis) for axis in one.shape]
        if one.name == "input_ids":
            given[one.name] = torch.randint(5, 200, shape, generator=generator)
        elif one.type == "tensor(float)":
            given[one.name] = torch.randn(shape, generator=generator)
        else:
            ones = one.name == "attention_mask"
            dtype = torch.bool if one.type == "tensor(bool)" else torch.int64
            given[one.name] = torch.full(shape, int(ones)).to(dtype)
    with torch.no_grad():
        wanted = model(**given).logits.numpy()
    (found,) = session.run(["logits"], {key: value.numpy() for key, value in given.items()})
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
