"""Where answers go: to the reader as they come, and into a folder, drawn where they can be."""

import json
import sys
from pathlib import Path

from zoo.errors import ConfigError, Fault, printable
from zoo.predicting.predict import Answered
from zoo.predicting.predictor import Predictor

LINES = "predictions.jsonl"
BATCH = 8
_NAME = 60
"""Characters of an input that stand before its answer."""


class Page:
    """Standard output, a line an input, or an object of JSON; what is refused, on standard error.

    Texts are shown as they are made where one input is answered at a time.
    """

    def __init__(self, predictor: Predictor, as_json: bool, batch: int | None) -> None:
        self.predictor, self.as_json, self.refused = predictor, as_json, 0
        self.streams = predictor.streams and not as_json and batch in (None, 1)
        self.batch = batch or (1 if self.streams else BATCH)
        if self.streams:
            predictor.write = _written

    def begin(self, name: str) -> None:
        """Says whose text is coming."""
        if self.streams:
            _written(f"{_short(name)}: ")

    def take(self, one: Answered) -> None:
        """Shows an answer, or why there is none."""
        if one.error:
            self.refused += 1
            print(f"{_named(one.name)}: {printable(one.error)}", file=sys.stderr, flush=True)
        if self.as_json:
            print(json.dumps(one.content(), ensure_ascii=False), flush=True)
        elif self.streams and not one.error:
            print(flush=True)
        elif not one.error:
            print(f"{_short(one.name)}: {self.predictor.said(one.answer)}", flush=True)


def _written(text: str) -> None:
    print(text, end="", flush=True)


def _short(name: str) -> str:
    shown = name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."
    return _named(shown)


def _named(name: str) -> str:
    return printable(name) if name.strip() else repr(name)


class Results:
    """The folder `out`, which is made; what an earlier prediction left there is written over.

    Raises ConfigError where it cannot be written.
    """

    def __init__(self, out: Path, predictor: Predictor) -> None:
        self.out, self.predictor, self.taken = out, predictor, {LINES}
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / LINES).write_text("", encoding="utf-8")
        except OSError as error:
            raise _unwritable(out, error) from None

    def take(self, one: Answered) -> None:
        """Adds an answer's line, and its picture under a name that is like its input's."""
        content = one.content()
        picture = None if one.error else self.predictor.drawn(one.row, one.answer)
        try:
            if picture is not None:
                content["picture"] = self._free(Path(one.name).stem)
                picture.save(self.out / content["picture"])
            with (self.out / LINES).open("a", encoding="utf-8") as file:
                file.write(json.dumps(content, ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unwritable(self.out, error) from None

    def _free(self, stem: str) -> str:
        name, number = f"{stem}.png", 1
        while name in self.taken:
            number += 1
            name = f"{stem}-{number}.png"
        self.taken.add(name)
        return name


def _unwritable(out: Path, error: OSError) -> ConfigError:
    found, allowed = f"{out} ({error.strerror})", "a folder that can be written"
    return ConfigError([Fault("command line", "--out", found, allowed)])
