"""From a folder and words to answers: in batches, in order, the good ones whatever the others."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

import torch
import transformers
from safetensors import SafetensorError

from zoo.data.rows import CorruptExample, Row
from zoo.errors import ConfigError, Fault
from zoo.predicting.exported import Exported, Options
from zoo.predicting.inputs import Input, Refused, Wanted, inputs
from zoo.predicting.predictor import Answer, Predictor
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.named import named

_UNLOADABLE = (
    SafetensorError,
    OSError,
    ValueError,
    RuntimeError,
    ImportError,
    KeyError,
    TypeError,
    AttributeError,
)


@dataclass(frozen=True)
class Answered:
    """An input with what was found for it; `error` says why there is none."""

    name: str
    row: Row = field(default_factory=dict)
    answer: Answer = field(default_factory=dict)
    error: str = ""

    def content(self) -> dict[str, Any]:
        """It as a line of JSON: the input, and either the kind's own keys or `error`."""
        name = self.name.encode("utf-8", "backslashreplace").decode()  # bytes that are no text
        if self.error:
            return {"input": name, "error": self.error}
        shown = {key: value for key, value in self.answer.items() if not key.startswith("_")}
        return {"input": name, **shown}


def predictor_of(exported: Exported, options: Options) -> Predictor:
    """The kind's own, with its model loaded.

    Raises ConfigError for a kind without one, options that it does not take, and a folder that
    transformers cannot load.
    """
    kind = exported.recipe.task.kind
    if not exported.kind.predictor:
        can = ", ".join(name for name, entry in KINDS.items() if entry.predictor)
        raise ConfigError([Fault("command line", "FOLDER", f"a model of {kind}", f"one of {can}")])
    chosen = named(exported.kind.predictor)
    strays = sorted(options.given() - chosen.heeds)
    if strays:
        heeds = ", ".join(_option(name) for name in sorted(chosen.heeds)) or "none of its kind"
        faults = [
            Fault("command line", _option(name), f"it with task.kind {kind}", heeds)
            for name in strays
        ]
        raise ConfigError(faults)
    try:
        found: Predictor = chosen(exported, options)
    except _UNLOADABLE as error:
        why = next((line for line in str(error).splitlines() if line), type(error).__name__)
        allowed = "a folder that transformers loads"
        raise ConfigError([Fault(str(exported.folder), "model", why, allowed)]) from error
    return found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def predict(
    predictor: Predictor,
    words: Sequence[str],
    stdin: TextIO,
    batch: int,
    begin: Callable[[str], None],
) -> Iterator[Answered]:
    """The answer to every input in order, `batch` at a time; `begin` hears each name before it."""
    columns = predictor.exported.recipe.data.columns
    single = {role: column for role, column in columns.items() if isinstance(column, str)}
    kind = predictor.exported.kind
    wanted = Wanted(predictor.choices, single, kind.may_be_chats, kind.may_be_blank)
    waiting: list[Answered] = []
    examples: list[Any] = []
    for one, example in readable(predictor, inputs(words, wanted, stdin)):
        waiting.append(one)
        examples += example
        if len(examples) == batch or not examples:
            yield from answered(predictor, waiting, examples, begin)
            waiting, examples = [], []
    yield from answered(predictor, waiting, examples, begin)


def readable(
    predictor: Predictor, found: Iterable[Input | Refused]
) -> Iterator[tuple[Answered, list[Any]]]:
    """Each input, and in a list what the model is asked; an empty one where it is refused."""
    for one in found:
        if isinstance(one, Refused):
            yield Answered(one.name, error=_why(one.name, one.why)), []
            continue
        try:
            yield Answered(one.name, one.row), [predictor.read(one.row)]
        except CorruptExample as error:
            yield Answered(one.name, error=_why(one.name, str(error))), []


def _why(name: str, said: str) -> str:
    """What was said of a file without its name, which stands before it."""
    if said.startswith(f"{name}: "):
        return said.removeprefix(f"{name}: ")
    rest = said.removeprefix(name).strip()
    return rest[1:-1] if rest != said and rest[:1] + rest[-1:] == "()" else said


def answered(
    predictor: Predictor,
    waiting: list[Answered],
    examples: list[Any],
    begin: Callable[[str], None],
) -> Iterator[Answered]:
    """The same with the answers in their places."""
    for one in waiting:
        if not one.error:
            begin(one.name)
    with torch.inference_mode():
        answers = iter(predictor.answers(examples) if examples else [])
    for one in waiting:
        yield one if one.error else replace(one, answer=next(answers))


def prepare(seed: int) -> None:
    """Seeds what answers draw from, and says less of other libraries' progress."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
