"""What of a recipe changes for a user's data: the section `data`, and what follows of it."""

import os
from collections.abc import Sequence
from pathlib import Path

from zoo.drafting.columns import Column
from zoo.drafting.draft import Draft
from zoo.drafting.facts import Labels, labels_of, lengths, quantile
from zoo.drafting.look import CLOSED, OF_FILES, Look
from zoo.drafting.media import box_format, classes_of_folders, clips, media, sizes, values_of_masks
from zoo.drafting.places import fault
from zoo.drafting.recipes import OWN_TOKENIZERS, Base
from zoo.drafting.roles import Fit
from zoo.recipe.spec.data import FilesData
from zoo.recipe.spec.model import TrainedTokenizer
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

SHARE = 0.1
"""Of the train rows, for validation where there is no file for it."""
LEAST = 10
"""Train rows of which a share can be cut."""
SMALL_VOCABULARY = 8000
"""A tokenizer of fewer entries cuts words into more pieces: by half."""
LONGEST = 512
"""Positions that a model which starts from nothing is given at most."""
SPECIAL = 3
"""Tokens around a text or a pair."""
_POSITIONS = "model.config.max_position_embeddings"


def write_data(draft: Draft, look: Look, fit: Fit, base: Base, folder: Path) -> None:
    """The section `data`: where the files lie, the column of each role, the sets."""
    places, was = look.places, base.recipe.data
    draft.sections["data"] = {"source": "files", "folder": _folder(places.folder, folder)}
    if columns := _columns(look, fit):
        draft.set("data.columns", columns, _of_columns(look, fit))
    for key, entries in places.entries.items():
        draft.set(f"data.{key}", entries[0] if len(entries) == 1 else list(entries))
    if "valid" not in places.entries:
        _cut(draft, look)
    sampling = getattr(was, "sampling", "random")
    if sampling != "random" and not set(fit.columns) & {"image"}:
        draft.set("data.sampling", sampling)
    if isinstance(was, FilesData) and was.workers != FilesData.model_fields["workers"].default:
        draft.set("data.workers", was.workers)
    if places.left:
        draft.said.append(f"not taken: {', '.join(places.left[:4])}")


def _cut(draft: Draft, look: Look) -> None:
    """A share of train for validation, unless that is too few, or one file of text."""
    if look.places.kind == "text" and look.rows < LEAST:
        why = "no share: a file of text is one example; add a file with --data valid.txt"
        draft.set("data.valid", False, why)
        draft.said.append(f"validation: {why}")
    elif look.places.kind not in CLOSED and not look.more and look.rows < LEAST:
        raise fault(f"{look.rows} rows to train on", f"at least {LEAST}, or a file for validation")
    else:
        draft.set("data.valid", SHARE, "no file for validation: a tenth of train, drawn by a seed")
        draft.said.append(f"validation: {SHARE:.0%} of the train rows, as there is no file for it")


def _folder(data: Path, recipe: Path) -> str:
    """The data's folder as the recipe writes it: relative where it lies below the recipe's."""
    inside = data == recipe or recipe in data.parents
    return os.path.relpath(data, recipe) if inside else str(data)


def _columns(look: Look, fit: Fit) -> dict[str, str | list[str]]:
    """The columns that have to be said: not those that are called as their role is, nor the names
    of files beside a table.
    """
    if look.places.kind in OF_FILES or look.places.kind in CLOSED:
        return {}
    return {
        role: column if isinstance(column, str) else list(column)
        for role, column in fit.columns.items()
        if column != role and not _is_usual(role, column, fit)
    }


def _is_usual(role: str, column: str | tuple[str, ...], fit: Fit) -> bool:
    media = [one for one in fit.columns if ROLES[one].how in MEDIA]
    return role in media and len(media) == 1 and column == "file_name"


def _of_columns(look: Look, fit: Fit) -> str:
    used = [
        name for one in fit.columns.values() for name in ([one] if isinstance(one, str) else one)
    ]
    rest = [name for name in look.columns if name not in used]
    return f"not read: {', '.join(rest[:8])}" if rest else ""


def follow_labels(draft: Draft, look: Look, fit: Fit, fields: Sequence[str]) -> Labels | None:
    """What a row's label is: one class, several, or numbers."""
    chosen = fit.columns.get("label")
    if chosen is None or look.places.kind in CLOSED:
        return None
    if look.columns:
        found = labels_of([look.columns[name] for name in _names(chosen)])
    else:
        found = Labels("single-label", classes_of_folders(look))
    draft.said.append(f"labels: {found.line()}")
    if "problem" in fields and found.problem != "single-label":
        draft.set("task.problem", found.problem, found.line())
    elif found.problem == "regression":
        raise fault(f"labels that are {found.line()}", "names or ids of classes")
    else:
        draft.drop("task.problem")
    if found.problem == "single-label" and len(found.counts) < 2:
        raise fault(f"one class in all rows looked at: {next(iter(found.counts))}", "several")
    if found.problem != "single-label":
        draft.drop("task.label_smoothing")
    return found


def follow_lengths(draft: Draft, look: Look, fit: Fit, base: Base, fields: Sequence[str]) -> None:
    """How many tokens an example may have: what 99 of 100 rows need, as far as the model goes."""
    if not look.columns or (len(fit.columns) == 1 and "text" in fit.columns):
        return
    spec, was = base.recipe.task, base.recipe.model
    letters = (draft.get("model.tokenizer") or was.tokenizer) in OWN_TOKENIZERS
    small = (
        isinstance(was.tokenizer, TrainedTokenizer) and was.tokenizer.vocab_size < SMALL_VOCABULARY
    )
    own: dict[str, tuple[str, ...]] = {"source_length": ("source",), "target_length": ("target",)}
    measured = [role for role in fit.columns if ROLES[role].measured or role == "messages"]
    own["sequence_length"] = tuple(measured)
    for key, roles in own.items():
        columns = [look.columns[str(fit.columns[role])] for role in roles if role in fit.columns]
        if key not in fields or not columns or "stride" in fields:
            continue
        need = quantile(lengths(columns, letters))
        need += need // 2 if small else 0
        _set_length(draft, base, f"task.{key}", need + SPECIAL, getattr(spec, key))


def _set_length(draft: Draft, base: Base, key: str, need: int, was: int) -> None:
    """A length of whole eights that holds `need` tokens, if the model has places for them."""
    config = base.recipe.model.config
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    length = max(16, -(-need // 8) * 8)
    most = positions or was
    if length > most and base.from_scratch and "max_position_embeddings" in config:
        most = min(length, LONGEST)
        draft.set(_POSITIONS, most, "the model starts from nothing, and may be longer")
    chosen = min(length, int(most))
    about = f"99 of 100 rows have at most about {need} tokens"
    cut = f"; longer ones lose their end at {chosen}" if need > chosen else ""
    draft.said.append(f"{key} {chosen}: {about}{cut}")
    draft.set(key, chosen, about + cut)


def follow_media(draft: Draft, look: Look, fit: Fit, base: Base, fields: Sequence[str]) -> None:
    """Sizes of images, how boxes and masks are written, and how long clips are."""
    shapes: list[tuple[int, int]] = []
    if "image" in fit.columns:
        shapes = sizes(media(look, fit, "image"))
        if not shapes:
            raise fault("images of which none can be opened", "files of images beside the data")
        widths, heights = (sorted(one) for one in zip(*shapes, strict=True))
        said = f"images from {widths[0]}x{heights[0]} to {widths[-1]}x{heights[-1]} pixels"
        draft.said.append(f"{said}, resized to {getattr(base.recipe.task, 'image_size', '')}")
    if "objects" in fit.columns and "box_format" in fields:
        chosen = box_format(look.columns[str(fit.columns["objects"])], shapes)
        coco = look.places.kind == "coco"
        draft.set("task.box_format", "coco" if coco else chosen, "as the boxes' numbers tell")
    if "mask" in fit.columns:
        _follow_masks(draft, look, fit)
    if "audio" in fit.columns:
        column: Column = look.columns[str(fit.columns["audio"])]
        heard = clips(media(look, fit, "audio"))
        if not heard.seconds:
            raise fault(f"clips in {column.name} of which none can be opened", "files of sound")
        rate = base.recipe.model.processor.get("sampling_rate")
        brought = f", brought to {rate:,} Hz" if rate and set(heard.rates) != {rate} else ""
        draft.said.append(heard.line() + brought)


def _follow_masks(draft: Draft, look: Look, fit: Fit) -> None:
    """The classes of masks: their ids, or their colours."""
    ids, colours = values_of_masks(media(look, fit, "mask"))
    if len(colours) > 256 or not (ids or colours):
        raise fault("masks of too many colours, or none", "masks of class ids, or a colour a class")
    count = len(colours) or 1 + max((one for one in ids if one != 255), default=0)
    names = [f"class {number}" for number in range(count)]
    why = "the values that stand in a hundred masks: give them their names"
    draft.set("data.labels", names, why)
    draft.set("task.reduce_labels", False)
    draft.set("task.ignore_label", 255)
    draft.set("task.palette", [list(one) for one in colours])
    draft.said.append(f"masks: {count} classes; data.labels are to be given their names")


def follow_chats(draft: Draft, fit: Fit, base: Base) -> None:
    """A tokenizer that can spell what stands between the turns of a chat."""
    if "messages" in fit.columns and base.recipe.model.tokenizer == "characters":
        draft.set("model.tokenizer", "bytes", "characters of the messages alone spell no chat")


def _names(column: str | tuple[str, ...]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else column
