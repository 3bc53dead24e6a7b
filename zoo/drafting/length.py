"""How long a run on a user's data is: epochs and batches, and when it is scored and saved."""

import math
from dataclasses import dataclass

from zoo.drafting.choosing import SHARE
from zoo.drafting.draft import Draft
from zoo.drafting.facts import lengths
from zoo.drafting.look import Look
from zoo.drafting.media import clips, media
from zoo.drafting.recipes import OWN_TOKENIZERS, Base
from zoo.drafting.roles import Fit
from zoo.recipe.vocabulary.kinds import KINDS

LEAST_EPOCHS = 3
FEW_LOOKS = 10
"""Epochs up to which each one ends with an evaluation and a checkpoint."""
WARMUP = 0.1
"""The share of a run that rates may rise in."""


@dataclass(frozen=True)
class Aim:
    """How many steps a run should have, and the most epochs that it may take for them."""

    steps: int
    epochs: int


FROM_NOTHING, FROM_WEIGHTS = Aim(steps=600, epochs=100), Aim(steps=300, epochs=20)


@dataclass(frozen=True)
class Amounts:
    """What an epoch is, in what the recipe counts batches in; `known` of all rows."""

    total: float
    known: bool


def amounts(look: Look, fit: Fit, base: Base, draft: Draft) -> Amounts:
    """What the train rows come to: examples, tokens or seconds."""
    unit, task = base.recipe.run.batch_unit, base.recipe.task
    rest = 1.0 if draft.get("data.valid") != SHARE else 1 - SHARE
    rows = look.rows * rest
    letters = base.recipe.model.tokenizer in OWN_TOKENIZERS
    block = getattr(task, "sequence_length", 0)
    if list(fit.columns) == ["text"] and block:  # packed
        tokens = _tokens(look, fit, letters) * rest
        return Amounts(tokens / block, not look.more)
    if unit == "examples" or not look.columns:
        return Amounts(rows, not look.more)
    if "audio" in fit.columns:
        seconds = clips(media(look, fit, "audio")).seconds
        each = sum(seconds) / max(len(seconds), 1) * (100 if unit == "frames" else 1)
        return Amounts(rows * each, not look.more)
    measured = [look.columns[str(one)] for one in fit.columns.values() if str(one) in look.columns]
    return Amounts(float(sum(lengths(measured, letters))) * rest, not look.more)


def _tokens(look: Look, fit: Fit, letters: bool) -> float:
    """About how many tokens all texts are."""
    if look.columns:
        return float(sum(lengths([look.columns[str(fit.columns["text"])]], letters)))
    from zoo.drafting.columns import files_of

    size = sum(path.stat().st_size for path in files_of(look.places, "train") if path.is_file())
    return size if letters else size / 4


def follow_length(draft: Draft, look: Look, fit: Fit, base: Base) -> None:
    """Epochs, batch, evaluations and what follows from how many steps these are."""
    run, scored = base.recipe.run, bool(draft.get("data.valid"))
    found = amounts(look, fit, base, draft)
    for key in ("expected", "steps", "folder"):
        draft.drop(f"run.{key}")
    _score_own_sets(draft, base, scored)
    batch = _batch(draft, found, base)
    per_epoch = max(1, math.floor(found.total / batch))
    each = f"{per_epoch:,} step{'s' if per_epoch > 1 else ''}"
    least = math.ceil(run.epochs or LEAST_EPOCHS)
    aim = FROM_NOTHING if base.from_scratch else FROM_WEIGHTS
    wanted = min(math.ceil(aim.steps / per_epoch), aim.epochs)
    epochs = max(least, wanted) if found.known else least
    steps = epochs * per_epoch
    what = f"{epochs} epochs of about {each} of {batch} {run.batch_unit}"
    draft.set("run.epochs", epochs, what if found.known else f"{epochs}: there are many rows")
    draft.first("run", "epochs")
    draft.said.append(f"run: {what}" if found.known else f"run: {epochs} epochs")
    _set_rhythm(draft, epochs, steps, scored)
    scheduler = base.recipe.optimizer.scheduler
    warmup = scheduler.params.get("warmup_num_steps") if scheduler else None
    if found.known and isinstance(warmup, int) and warmup > WARMUP * steps:
        key = "optimizer.scheduler.params.warmup_num_steps"
        draft.set(key, WARMUP, f"{warmup:,} steps would be most of the run")


def _batch(draft: Draft, found: Amounts, base: Base) -> int:
    """The batch of the recipe, or one that an epoch has four of."""
    run = base.recipe.run
    if not found.known or run.batch * 4 <= found.total:
        return run.batch
    micro = max(1, min(run.micro_batch, int(found.total)))
    batch = max(micro, int(found.total / 4) // micro * micro)
    if batch < run.batch:
        draft.set("run.batch", batch, f"{run.batch} would be too much of an epoch")
        draft.set("run.micro_batch", micro)
    return min(batch, run.batch)


def _set_rhythm(draft: Draft, epochs: int, steps: int, scored: bool) -> None:
    """When the run is scored and saved: each epoch, or of many five times."""
    rhythm = "epoch" if epochs <= FEW_LOOKS else max(1, steps // 5)
    draft.set("run.eval_every", rhythm if scored else 0)
    draft.set("run.save_every", rhythm)
    if (draft.get("run.log_every") or 10) * 5 > steps:
        draft.set("run.log_every", max(1, steps // 20))


def _score_own_sets(draft: Draft, base: Base, scored: bool) -> None:
    """The best score by the name that it has on the user's sets."""
    chosen, valid = base.recipe.run.best_metric, draft.get("data.valid")
    kind = KINDS[base.recipe.task.kind]
    draft.drop("run.best_metric")
    last = (chosen or "").rpartition("/")[2]
    same = "task.problem" not in {".".join(key) for key in draft.why}
    if scored and chosen and not isinstance(valid, list) and last in kind.scores and same:
        draft.set("run.best_metric", f"valid/{last}")
    if not scored:
        draft.drop("run.patience")
        draft.drop("run.export")
