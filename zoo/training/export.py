"""Turns a checkpoint of any layout into a folder that plain transformers loads, and proves it."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from zoo.data.corrupt import CorruptLimit
from zoo.data.joined import each_part
from zoo.data.loading.loader import eval_batches
from zoo.data.rows import Batch, Rows
from zoo.data.source import Source
from zoo.engines.engine import DTYPES, moved
from zoo.engines.transforms import meta_model
from zoo.errors import ConfigError, Fault, ResumeError
from zoo.models.adapters.digest import base_digest, refuse_other_base
from zoo.models.adapters.folder import loaded_by, save_adapter
from zoo.models.adapters.inject import merged
from zoo.models.adapters.place import OnBase
from zoo.models.fill import Weights, fill
from zoo.models.names import plain_state
from zoo.models.upstream import attention_of, attention_words, tied_names
from zoo.models.weights import untie
from zoo.recipe import Recipe
from zoo.recipe.derived.adapter import exports_adapter
from zoo.recipe.derived.anywhere import anywhere
from zoo.recipe.derived.average import exported_together
from zoo.tasks.build import head_class
from zoo.tasks.task import Task
from zoo.telling.expected import told, verdicts
from zoo.telling.phases import phase, written
from zoo.training.described import SOURCE, describe, identity, scores_at
from zoo.training.disk.averaged import Mean, reader_of
from zoo.training.disk.kept import BEST, fault_of, folders, pointed
from zoo.training.disk.weights import base_files, base_in_checkpoint
from zoo.training.disk.writing import put_in_place, told_in_a_line
from zoo.training.folder import RunFolder
from zoo.training.reader import Reader
from zoo.training.starting import starting_weights


def export(
    folder: RunFolder, recipe: Recipe, task: Task, source: Source, out: Path | None = None,
    any_base: bool = False,
) -> Path:  # fmt: skip
    """Writes what `run.export` says as a Hugging Face folder, `out` or the run's `model`.

    The folder holds safetensors, config, tokenizer or processor, recipe.json and a model card; it
    is written beside, reloaded, compared on one batch (equal logits, else ResumeError) and renamed.
    An older export at its place is kept as `.1`, `.2`; anything else there is a ConfigError, and so
    is another base than the run's adapter was trained on, unless `any_base` will do. One process,
    on the CPU whatever the recipe asks for; no process group. Raises DiskError.
    """
    out = out or folder.root / "model"
    refuse_foreign(out)
    found = chosen(folder, recipe)
    base = base_files(recipe)
    if not any_base:
        refuse_other_base(str(found[0]), base_in_checkpoint(Reader(found[0])), base)
    digest = base_digest(base) if base else ""
    made_of = identity(found) + form_of(recipe, digest)
    if (out / SOURCE).exists() and (out / SOURCE).read_text() == made_of:
        return out
    plain = anywhere(recipe)
    with told_in_a_line(found[0]):
        model = load(plain, task, found)
    part = out.with_name(f".{out.name}.part")
    with told_in_a_line(part):
        shutil.rmtree(part, ignore_errors=True)
        put_model(model, recipe, part, digest)
        task.save(part)
        describe(recipe, model, folder, found, part)
        (part / SOURCE).write_text(made_of, encoding="utf-8")
    rows = each_part(next(iter(source.valid.values()), source.train), task.rows)
    phase("loading it with plain transformers, to compare")
    compare(plain, task, rows, model, part)
    with told_in_a_line(part):
        put_in_place(part, out)
    return out


def form_of(recipe: Recipe, base: str) -> str:
    """A line on how an adapter is exported; nothing of another model."""
    if recipe.model.lora is None:
        return ""
    return f"{'alone on' if exports_adapter(recipe) else 'merged into'} base {base}\n"


def put_model(model: PreTrainedModel, recipe: Recipe, part: Path, base: str) -> None:
    """Writes the model as transformers does, or its adapter as PEFT does."""
    if exports_adapter(recipe):
        save_adapter(model, recipe, part, base)
        return
    with written(part, "writing the model", bytes_of(model)):
        model.save_pretrained(part)


def bytes_of(model: PreTrainedModel) -> int:
    """The bytes of all that is saved of a model, what is tied once."""
    saved = {tensor.data_ptr(): tensor for tensor in model.state_dict().values()}
    return sum(tensor.nbytes for tensor in saved.values())


def finish(
    folder: RunFolder, recipe: Recipe, task: Task, source: Source, any_base: bool = False
) -> dict[str, Any]:
    """Exports what a run made, unless the same checkpoint was exported before, and says whether it
    scores as expected; returns what the status says of that. Rank 0 calls it.
    """
    out = export(folder, recipe, task, source, any_base=any_base)
    print(f"the model lies in {out}", flush=True)
    if not recipe.run.expected:
        return {}
    found = verdicts(recipe, scores_at(folder, chosen(folder, recipe)))
    for one in found:
        print(f"{one.score}: {one}", flush=True)
    return told(found)


def refuse_foreign(out: Path) -> None:
    """Raises ConfigError where something else than an export lies, which must not be moved."""
    empty = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not empty and not (out / SOURCE).is_file():
        allowed = "a folder that an export wrote, an empty one, or one that does not exist"
        raise ConfigError(
            [Fault("command line", "OUT", f"{out}, which holds other things", allowed)]
        )


def chosen(folder: RunFolder, recipe: Recipe) -> list[Path]:
    """The checkpoint that `best` names or the newest whole one, or as many whole ones as are to be
    averaged, newest first; ResumeError if there is none.
    """
    every = folders(folder.root)
    if recipe.run.export == "best" and (best := pointed(folder.root, BEST)) in every:
        every = [best, *every]
    checked = (one for one in every if fault_of(one) is None)
    found = list(islice(checked, exported_together(recipe)))
    if not found:
        raise ResumeError(f"{folder.root} holds no whole checkpoint to export")
    return found


def load(recipe: Recipe, task: Task, found: list[Path]) -> PreTrainedModel:
    """The model of a checkpoint, or the mean of several, on the CPU in the run's precision, in
    evaluation mode.
    """
    model = meta_model(recipe, task)
    weights: Weights = Mean([reader_of(recipe, one) for one in found])
    drawn: set[str] = set()  # of an adapter's base without weights of its own
    if recipe.model.lora is not None:
        base = starting_weights(recipe, model, task.tokenizer, any_base=True)[0]
        drawn = set() if base.names() else set(plain_state(model)) - weights.names()
        weights = OnBase(weights, base)
    untie(model, weights)
    wanted = set(plain_state(model)) - set(tied_names(model)) - drawn
    missing = sorted(wanted - weights.names())
    if missing:
        raise ResumeError(f"{found[0]} lacks {', '.join(missing[:5])}")
    fill(model, recipe.run.seed, weights, torch.device("cpu"))
    if exports_adapter(recipe):
        return model.eval()  # an adapter is small, and its base is that of its files
    if recipe.model.lora is not None:
        model = merged(model)
    return rounded(model, DTYPES[recipe.run.precision]).eval()


def rounded(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """The model with all that is saved in `dtype`; what is computed (positions) stays fp32."""
    saved = model.state_dict(keep_vars=True)
    for tensor in saved.values():
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return model


def compare(recipe: Recipe, task: Task, rows: Rows, model: PreTrainedModel, part: Path) -> None:
    """Reloads the folder with plain transformers and compares one batch's logits, bit for bit.

    In fp32, whatever the weights are rounded to: not every CPU computes in fp16, and what a class
    computes for itself (tables of positions) is not rounded. `model` is changed to that.
    """
    run, corrupt = recipe.run, CorruptLimit.of(recipe, rows)
    size = min(4, run.eval_micro_batch, len(rows))
    batches = eval_batches(rows, task.example, task.collate, size, 0, 1, run.seed, 0, corrupt)
    batch = next(iter(batches))
    again = (
        head_class(recipe.task.kind)
        .from_pretrained(
            part,
            **loaded_by(part, any_base=True),
            attn_implementation=attention_words(
                model.config, attention_of(model.config) or "eager"
            ),
            dtype=torch.float32,
        )
        .eval()
    )
    for tensor in (*again.parameters(), *again.buffers()):  # a mapped file is not aligned:
        tensor.data = tensor.data.clone()  # kernels then round otherwise
    ours, theirs = (tensors_of(one.float(), batch, task) for one in (model, again))
    if ours.keys() != theirs.keys() or not all(torch.equal(ours[k], theirs[k]) for k in ours):
        raise ResumeError(f"{part}: the reloaded model gives other logits; nothing was replaced")


def tensors_of(model: PreTrainedModel, batch: Batch, task: Task) -> dict[str, Tensor]:
    """What a model gives for one batch, floating inputs in its precision: logits and the like."""
    inputs = moved(batch, torch.device("cpu"), model.dtype, task)["inputs"]
    with torch.no_grad():
        outputs = model(**inputs)
    return {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
