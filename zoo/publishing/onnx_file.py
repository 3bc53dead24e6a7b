"""An exported folder as one ONNX graph beside it, which onnxruntime computes as torch does."""

import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from zoo.data.corrupt import CorruptLimit
from zoo.data.joined import each_part
from zoo.data.loading.loader import eval_batches
from zoo.errors import ConfigError, Fault
from zoo.models.adapters.folder import loaded_by
from zoo.recipe import Recipe
from zoo.recipe.spec.sections import TRUST
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.build import head_class
from zoo.training.checks import ring_two
from zoo.training.disk.writing import put_in_place, told_in_a_line
from zoo.training.evaluate import learns_nothing, load_from

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OUTPUTS = ("logits", "start_logits", "end_logits", "pred_boxes")
"""What a graph gives of what the model does: what answers are read from."""
TOLERANCE = 1e-4
ROWS = 4
_IMAGE_AXES = 4
_FILE_LIMIT = 1_500_000_000  # bytes; a protobuf ends at 2 GiB


def refused_onnx(folder: Path, trusted: bool = False) -> None:
    """Raises ConfigError where the packages are not there, or the kind is no single graph."""
    missing = [name for name in PACKAGES if not find_spec(name)]
    faults = []
    if missing:
        found = f"onnx without {', '.join(missing)}"
        faults.append(Fault("command line", "--to", found, "pip install 'zoo[onnx]'"))
    recipe = load_from(folder, words_of(trusted))
    if kind_of(recipe.task).generates:
        found = f"onnx of {recipe.task.kind}, which writes token by token over what it wrote before"
        allowed = "kinds that answer in one pass"
        faults.append(Fault("command line", "--to", found, allowed))
    if faults:
        raise ConfigError(faults)


def to_onnx(model: Path, trusted: bool = False, any_base: bool = False) -> tuple[Path, float]:
    """Writes `onnx/model.onnx` into an exported folder, in fp32; returns its path and the largest
    difference of its answers from torch's.

    The batch and, of text and sound, the length are free: both are tried on rows of the data. A
    causal model has no cache. Raises ConfigError where torch cannot export the model or onnxruntime
    answers otherwise, by more than 1e-4; then nothing is left. Of an adapter it is the whole model,
    on the base that it was trained on, or with `any_base` on any.
    """
    final = model / "onnx"
    recipe = load_from(model, words_of(trusted))
    torch_model = (
        head_class(recipe.task.kind)
        .from_pretrained(
            model,
            **loaded_by(model, any_base),
            attn_implementation="eager",
            dtype=torch.float32,
            trust_remote_code=trusted,
        )
        .eval()
    )
    torch_model.config.use_cache = False
    inputs = inputs_of(recipe)
    part = model / ".onnx.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        with told_in_a_line(part), told_as_fault(torch_model.config.model_type):
            part.mkdir()
            names = written(torch_model, inputs, part / "model.onnx")
            apart = difference(torch_model, inputs, names, part / "model.onnx")
        with told_in_a_line(part):
            if final.exists():
                shutil.rmtree(final)  # of the same weights: an export anew has a folder of its own
            put_in_place(part, final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return final / "model.onnx", apart


def words_of(trusted: bool) -> list[str]:
    """The change that lets code run that comes with the model."""
    return [f"{TRUST}=true"] if trusted else []


def inputs_of(recipe: Recipe) -> dict[str, Tensor]:
    """What the model reads of the first rows that are scored; text with a mask in any case."""
    checked = ring_two(recipe, 1, None, with_train=not learns_nothing(recipe), any_base=True)
    task, source = checked.task, checked.source
    rows = each_part(next(iter(source.valid.values()), source.train), task.rows)
    limit, size = CorruptLimit.of(recipe, rows), min(ROWS, len(rows))
    batches = eval_batches(rows, task.example, task.collate, size, 0, 1, recipe.run.seed, 0, limit)
    given = task.on_device(dict(next(iter(batches))["inputs"]))
    found = {name: one for name, one in given.items() if isinstance(one, Tensor)}
    found.pop("labels", None)
    if "input_ids" in found:
        found.setdefault("attention_mask", torch.ones_like(found["input_ids"]))
    return found


class Graph(nn.Module):
    """A model of transformers as a graph: tensors in by their place, tensors out."""

    def __init__(self, model: nn.Module, inputs: list[str], outputs: list[str]) -> None:
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The outputs that are asked for, in their order."""
        found = self.model(**dict(zip(self.inputs, tensors, strict=True)))
        return tuple(found[name] for name in self.outputs)


def free_axes(tensor: Tensor) -> dict[int, str]:
    """The axes that may have another size: examples, and the length of what is no image."""
    return {0: "batch"} if tensor.ndim == _IMAGE_AXES else {0: "batch", 1: "length"}


def written(model: nn.Module, inputs: Mapping[str, Tensor], path: Path) -> list[str]:
    """Writes the graph; returns the names of what it gives. Raises what torch does."""
    with torch.no_grad():
        answers = model(**inputs)
    names = [name for name in OUTPUTS if isinstance(answers.get(name), Tensor)]
    size = sum(one.numel() * one.element_size() for one in model.parameters())
    with silent():
        torch.onnx.export(
            Graph(model, list(inputs), names),
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=names,
            dynamic_shapes=(tuple(free_axes(one) for one in inputs.values()),),
            external_data=size > _FILE_LIMIT,
            dynamo=True,
            verbose=False,
        )
    return names


def difference(
    model: nn.Module, inputs: Mapping[str, Tensor], names: list[str], path: Path
) -> float:
    """The largest difference of onnxruntime's answers from torch's, on all rows and on the begin of
    one; raises ValueError where it is too large or a size is not free.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    apart = 0.0
    for given in (inputs, {name: begin(one) for name, one in inputs.items()}):
        with torch.no_grad():
            wanted = model(**given)
        found = session.run(names, {name: one.numpy() for name, one in given.items()})
        for name, ours in zip(names, found, strict=True):
            theirs = wanted[name].numpy()
            if ours.shape != theirs.shape:
                raise ValueError(f"{name} has the shape {ours.shape} instead of {theirs.shape}")
            off = float(np.abs(ours - theirs).max())
            if not np.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE):
                raise ValueError(f"{name} of onnxruntime is {off:.2g} off torch's")
            apart = max(apart, off)
    return apart


def begin(tensor: Tensor) -> Tensor:
    """The first example, and of what has a length two thirds of it."""
    first = tensor[:1]
    return first if tensor.ndim == _IMAGE_AXES else first[:, : max(2, first.shape[1] * 2 // 3)]


@contextmanager
def silent() -> Iterator[None]:
    """Without what torch's exporter says of its own work."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@contextmanager
def told_as_fault(model_type: str) -> Iterator[None]:
    """Turns whatever torch's exporter or onnxruntime raise of a model into a ConfigError."""
    try:
        yield
    except (ConfigError, OSError):
        raise
    except Exception as error:  # they raise classes of their own, and any of torch's and Python's
        why = " ".join(str(error).split())[:300] or type(error).__name__
        found = f"onnx of {model_type}, which torch and onnxruntime do not agree on: {why}"
        allowed = "a model that torch.onnx exports; nothing was left"
        raise ConfigError([Fault("command line", "--to", found, allowed)]) from None
