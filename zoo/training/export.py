"""Turns a checkpoint of any layout into a folder that plain transformers loads, and proves it."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from zoo.data.corrupt import CorruptLimit
from zoo.data.loader import eval_batches
from zoo.data.rows import Batch, Rows
from zoo.data.source import Source
from zoo.engines.engine import DTYPES, moved
from zoo.engines.transforms import meta_model
from zoo.errors import ResumeError
from zoo.models.fill import fill
from zoo.models.upstream import attention_of, tied_names
from zoo.recipe import Recipe, expanded
from zoo.tasks.build import head_class
from zoo.tasks.task import Task
from zoo.telling.card import card
from zoo.training.checkpoint import fault_of, folders
from zoo.training.folder import METRICS, RECIPE, RunFolder
from zoo.training.reader import Reader

SOURCE = "checkpoint.txt"


def export(
    folder: RunFolder, recipe: Recipe, task: Task, source: Source, out: Path | None = None
) -> Path:
    """Writes the `run.export` checkpoint as a Hugging Face folder, `out` or the run's `model`.

    The folder holds safetensors, config, tokenizer or processor, recipe.json and a model card; it
    is written beside, reloaded, compared on one batch (equal logits, else ResumeError) and renamed.
    An older folder at its place is kept as `.1`, `.2`. One process; no process group.
    """
    found = chosen(folder, recipe.run.export)
    out = out or folder.root / "model"
    if (out / SOURCE).exists() and (out / SOURCE).read_text().strip() == found.name:
        return out
    model = load(recipe, task, Reader(found))
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)
    task.save(part)
    (part / RECIPE).write_text(json.dumps(expanded(recipe), indent=1), encoding="utf-8")
    (part / SOURCE).write_text(found.name + "\n", encoding="utf-8")
    (part / "README.md").write_text(card(recipe, scores_at(folder, found)), encoding="utf-8")
    rows = task.rows(next(iter(source.valid.values()), source.train))
    compare(recipe, task, rows, model, part)
    if out.exists():
        RunFolder(out).set_aside()
    part.rename(out)
    return out


def chosen(folder: RunFolder, which: str) -> Path:
    """The newest whole checkpoint, or the one that `best` names; ResumeError if there is none."""
    whole = [path for path in folders(folder.root) if fault_of(path) is None]
    if which == "best" and (folder.root / "best").exists():
        name = (folder.root / "best").read_text().strip()
        whole = [path for path in whole if path.name == name] or whole
    if not whole:
        raise ResumeError(f"{folder.root} holds no whole checkpoint to export")
    return whole[0]


def load(recipe: Recipe, task: Task, reader: Reader) -> PreTrainedModel:
    """The checkpoint's model on the CPU in the run's precision, in evaluation mode."""
    model = meta_model(recipe, task)
    wanted = set(model.state_dict()) - set(tied_names(model))
    missing = sorted(wanted - reader.names())
    if missing:
        raise ResumeError(f"{reader.folder} lacks {', '.join(missing[:5])}")
    fill(model, recipe.run.seed, reader, torch.device("cpu"))
    return rounded(model, DTYPES[recipe.run.precision]).eval()


def rounded(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """The model with all that is saved in `dtype`; what is computed (positions) stays fp32."""
    saved = model.state_dict(keep_vars=True)
    for tensor in saved.values():
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return model


def scores_at(folder: RunFolder, found: Path) -> dict[str, Any]:
    """The evaluation row of a checkpoint's step, empty if there is none."""
    step = int(found.name.removeprefix("step-"))
    path = folder.root / METRICS
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    scored = [row for row in rows if row["step"] == step and any("/" in key for key in row)]
    return scored[-1] if scored else {}


def compare(recipe: Recipe, task: Task, rows: Rows, model: PreTrainedModel, part: Path) -> None:
    """Reloads the folder with plain transformers and compares one batch's logits, bit for bit."""
    run, corrupt = recipe.run, CorruptLimit.of(recipe, rows)
    size = min(4, run.eval_micro_batch, len(rows))
    batches = eval_batches(rows, task.example, task.collate, size, 0, 1, run.seed, 0, corrupt)
    batch = next(iter(batches))
    again = (
        head_class(recipe.task.kind)
        .from_pretrained(
            part, attn_implementation=attention_of(model.config), dtype=DTYPES[run.precision]
        )
        .eval()
    )
    ours, theirs = tensors_of(model, batch), tensors_of(again, batch)
    if ours.keys() != theirs.keys() or not all(torch.equal(ours[k], theirs[k]) for k in ours):
        raise ResumeError(f"{part}: the reloaded model gives other logits; nothing was replaced")


def tensors_of(model: PreTrainedModel, batch: Batch) -> dict[str, Tensor]:
    """What a model gives for one batch, floating inputs in its precision: logits and the like."""
    inputs = moved(batch, torch.device("cpu"), model.dtype)["inputs"]
    with torch.no_grad():
        outputs = model(**inputs)
    return {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
