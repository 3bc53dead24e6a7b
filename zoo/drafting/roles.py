"""Which column of a user's table is which role: by its name, and by what it holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from zoo.data.sources.finding import IMAGES
from zoo.drafting.columns import Column, is_text
from zoo.drafting.places import SOUND

Columns = Mapping[str, Column]
Chosen = dict[str, str | tuple[str, ...]]
"""The column of each role, or the columns of a label that stands in several."""
MOST_CLASSES = 0.5
"""The largest share of rows that different values of a column of classes may be."""
_SHORT = 12  # words; what has more is no name of a class

NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "sentence", "content", "review", "body", "document", "comment", "tweet",
             "message", "utterance", "premise", "sentence1", "text1", "text_a", "question1",
             "query", "title", "description", "input"),
    "text_pair": ("text_pair", "sentence2", "text2", "text_b", "hypothesis", "question2", "pair",
                  "passage", "response", "reply"),
    "label": ("label_text", "label_name", "label", "labels", "class", "category", "categories",
              "target", "sentiment", "intent", "topic", "emotion", "score", "rating", "stars",
              "similarity", "value", "y"),
    "tokens": ("tokens", "words"),
    "tags": ("tags", "ner_tags", "pos_tags", "chunk_tags", "labels", "ner", "pos"),
    "entities": ("entities", "spans", "label", "labels", "annotations"),
    "question": ("question", "query"),
    "context": ("context", "passage", "paragraph", "document"),
    "answers": ("answers", "answer"),
    "messages": ("messages", "conversation", "conversations", "chat", "dialog", "dialogue"),
    "prompt": ("prompt", "instruction", "question", "query", "input"),
    "completion": ("completion", "response", "output", "answer", "chosen"),
    "chosen": ("chosen", "preferred", "accepted", "chosen_response"),
    "rejected": ("rejected", "dispreferred", "rejected_response"),
    "instruction": ("instruction",),
    "input": ("input",),
    "output": ("output",),
    "tools": ("tools",),
    "source": ("source", "src", "article", "document", "dialogue", "text", "input", "original"),
    "target": ("target", "tgt", "summary", "highlights", "translation", "output", "simplified",
               "corrected"),
    "image": ("image", "file_name", "image_path", "filename", "file", "path", "img", "photo"),
    "objects": ("objects", "annotations", "boxes"),
    "mask": ("mask", "mask_file_name", "annotation", "segmentation", "label", "mask_path"),
    "audio": ("audio", "file_name", "audio_filepath", "audio_path", "path", "file", "filename",
              "wav", "clip"),
    "transcript": ("transcript", "transcription", "sentence", "text", "normalized_text",
                   "utterance", "label"),
}  # fmt: skip
"""What people call the column of a role, the likeliest first."""
_IDS = ("id", "idx", "index", "guid", "uid", "row", "unnamed: 0")


@dataclass(frozen=True)
class Fit:
    """How columns became the roles of a task, and how sure that is."""

    columns: Chosen
    named: int
    """Of how many roles the column has a name that says so."""


def _is_label(column: Column) -> bool:
    """Names of classes, several of them, or numbers."""
    if column.lists:
        return not column.objects
    if len(column.texts) < len(column.filled) or not column.filled:
        return False
    if column.numbers is not None:
        return True
    few = column.distinct <= max(2, MOST_CLASSES * len(column.filled))
    return few and column.words <= _SHORT


def _is_spans(column: Column) -> bool:
    return column.objects and column.has_keys("start") and column.has_keys("end")


def _is_answers(column: Column) -> bool:
    return column.objects and column.has_keys("answer_start")


def _is_chat(column: Column) -> bool:
    return column.objects and column.lists and column.has_keys("role", "from")


def _is_answer(column: Column) -> bool:
    return is_text(column) or _is_chat(column)


def _is_boxes(column: Column) -> bool:
    return column.objects and column.has_keys("bbox", "boxes")


def _is_words(column: Column) -> bool:
    return column.lists and not column.objects


HOLDS: dict[str, Callable[[Column], bool]] = {
    "label": _is_label,
    "tokens": _is_words,
    "tags": _is_words,
    "entities": _is_spans,
    "answers": _is_answers,
    "messages": _is_chat,
    "tools": lambda column: column.objects or is_text(column),
    "chosen": _is_answer,
    "rejected": _is_answer,
    "objects": _is_boxes,
    "image": lambda column: column.media(IMAGES),
    "mask": lambda column: column.media(IMAGES),
    "audio": lambda column: column.media(SOUND),
}
"""Whether a column can be a role; of text where none stands here."""
SURE = ("entities", "answers", "messages", "objects", "image", "audio", "label")
"""Roles that a column may be whatever it is called: what it holds tells."""

TOLD = ("chosen", "rejected")
"""Roles whose columns' names say what the data is for."""


def fitted(roles: Iterable[str], columns: Columns) -> Fit | None:
    """The column of each of these roles, none of them twice; None where one has none."""
    chosen: Chosen = {}
    named = 0
    free = {name: one for name, one in columns.items() if one.filled}
    wanted = tuple(roles)
    for role in sorted(wanted, key=lambda one: (one not in SURE[:-1], _is_free_text(one))):
        holds = HOLDS.get(role, is_text)
        fit = {name: one for name, one in free.items() if holds(one)}
        said = _named(role, fit)
        found = said or _by_content(role, fit, wanted)
        if found is None and role == "label":
            flags = tuple(name for name, one in free.items() if one.flags and not _is_id(name))
            if len(flags) > 1:
                chosen[role] = flags
                free = {name: one for name, one in free.items() if name not in flags}
                continue
        if found is None:
            return None
        named += said is not None or (role in SURE and role != "label")
        chosen[role] = found
        del free[found]
    return Fit({role: chosen[role] for role in wanted}, named)


def _is_free_text(role: str) -> bool:
    """Roles of text come last: almost every column can be one."""
    return role not in HOLDS


def _named(role: str, columns: Columns) -> str | None:
    folded = {name.strip().lower().replace("-", "_").replace(" ", "_"): name for name in columns}
    return next((folded[name] for name in NAMES[role] if name in folded), None)


def _is_id(name: str) -> bool:
    return name.strip().lower() in _IDS


def _by_content(role: str, columns: Columns, wanted: tuple[str, ...]) -> str | None:
    """The column that can only be this role, whatever it is called."""
    names = [name for name in columns if not _is_id(name)]
    if role == "label":
        few = [name for name in names if columns[name].distinct > 1 and _tells(columns[name])]
        flags = [name for name in few if columns[name].flags]
        if len(flags) > 1 and len(flags) == len(few):
            return None  # one label in several columns
        return min(few, key=lambda name: columns[name].distinct, default=None)
    if role in SURE:
        return names[0] if names else None
    if role in ("text", "transcript") and "text_pair" not in wanted:
        return max(names, key=lambda name: columns[name].words, default=None)
    return None


def _tells(column: Column) -> bool:
    """Whether values come again, as those of classes do."""
    return column.distinct <= max(2, MOST_CLASSES * len(column.filled))
