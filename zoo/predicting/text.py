"""Answers about texts, by transformers' pipelines."""

from typing import Any

import numpy as np
from transformers import pipeline

from zoo.data.rows import CorruptExample, Row
from zoo.predicting.against import Placed, Stretch, Told, in_text, plain
from zoo.predicting.classes import (
    ALL,
    TOP,
    classes,
    classes_against,
    right_classes,
    said_classes,
)
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Choices, Predictor


def text_pipeline(task: str, exported: Exported) -> Any:
    """The pipeline of a task on the folder's model and tokenizer."""
    words = exported.loading
    return pipeline(task, model=str(exported.folder), device=exported.device, **words)


def truncation(exported: Exported, tokenizer: Any) -> dict[str, Any]:
    """How long texts are cut as in training and evaluation."""
    length = exported.key("sequence_length") or tokenizer.model_max_length
    return {"truncation": True, "max_length": length}


class TextClasses(Predictor):
    """The class of a text, or of a pair of texts."""

    choices: Choices = (("text", "text_pair"), ("text",))
    heeds = frozenset({"top"})

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        if "text_pair" in exported.recipe.data.columns:
            self.choices = self.choices[:1]  # one text alone would be answered at random
        self.pipe, self.top = text_pipeline("text-classification", exported), options.top
        self.cut = truncation(exported, self.pipe.tokenizer)

    def answers(self, examples: list[Row]) -> list[Answer]:
        """See classes."""
        found = self.pipe(examples, batch_size=len(examples), top_k=ALL, **self.cut)
        return [classes(self.pipe.model.config, one, self.top) for one in found]

    def said(self, answer: Answer) -> str:
        """See classes."""
        return said_classes(answer)

    def right(self, asked: Row, rest: Row) -> Answer:
        """The row's class."""
        return right_classes(self.pipe.model.config, rest)

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """The texts, the class and how likely it is."""
        return [*self.asked(asked), ("answer", classes_against(answer, right))]


HIDDEN, MOST_HIDDEN = 0.15, 8
"""The share of a text's tokens that are hidden to ask for them, and how many at most."""
BLANK = "\u2423"


class MaskFilling(Predictor):
    """What stands in the place of each mask token of a text."""

    choices = (("text",),)
    heeds = frozenset({"top"})

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.pipe, self.top = text_pipeline("fill-mask", exported), options.top or TOP
        self.cut = truncation(exported, self.pipe.tokenizer)

    def read(self, row: Row) -> str:
        """The text; raises CorruptExample where no mask token is left of it."""
        tokenizer, text = self.pipe.tokenizer, str(row["text"])
        if tokenizer.mask_token_id not in tokenizer(text, **self.cut).input_ids:
            length = self.cut["max_length"]
            raise CorruptExample(f"no {tokenizer.mask_token} among the first {length} tokens")
        return text

    def answers(self, examples: list[str]) -> list[Answer]:
        """ "masks": of each mask token the likeliest "token"s with their "score"s; "text" with the
        first of each.
        """
        given = {"batch_size": len(examples), "top_k": self.top, "tokenizer_kwargs": self.cut}
        found = self.pipe(examples, **given)
        several = [found] if len(examples) == 1 else found
        return [self._answer(text, one) for text, one in zip(examples, several, strict=True)]

    def _answer(self, text: str, found: list[Any]) -> Answer:
        masks = found if isinstance(found[0], list) else [found]
        tops = [[{"token": t["token_str"], "score": t["score"]} for t in one] for one in masks]
        first, *others = text.split(self.pipe.tokenizer.mask_token)
        filled = zip((top[0]["token"] for top in tops), others, strict=False)
        return {"text": first + "".join(token + other for token, other in filled), "masks": tops}

    def said(self, answer: Answer) -> str:
        """The likeliest tokens of each mask."""
        lines = (", ".join(f"{t['token']!r} {t['score']:.3f}" for t in m) for m in answer["masks"])
        return "; ".join(lines)

    def parted(self, row: Row, seed: int) -> tuple[Row, Row]:
        """A text some of whose tokens are mask tokens, and as its rest these tokens.

        Raises CorruptExample for a text without tokens, and a tokenizer that does not say where
        its tokens stand.
        """
        tokenizer, text = self.pipe.tokenizer, str(row["text"])
        if not tokenizer.is_fast:
            raise CorruptExample("a tokenizer that does not tell where its tokens stand")
        places = tokenizer(text, return_offsets_mapping=True, **self.cut).offset_mapping
        places = [(first, last) for first, last in places if text[first:last].strip()]
        if not places:
            raise CorruptExample("a text without tokens")
        count = min(max(1, round(HIDDEN * len(places))), MOST_HIDDEN)
        drawn = np.random.default_rng(seed).choice(len(places), count, replace=False)
        pieces, hidden, at = [], [], 0
        for first, last in sorted(places[number] for number in drawn):
            pieces += [text[at:first], tokenizer.mask_token]
            hidden.append(text[first:last].strip())
            at = last
        pieces.append(text[at : places[-1][1]])
        return {"text": "".join(pieces)}, {"tokens": hidden}

    def right(self, asked: Row, rest: Row) -> Answer:
        """The tokens that were hidden."""
        return {"masks": [[{"token": token}] for token in rest.get("tokens", ())]}

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """The text with what was written in its masks, and what is likely in each."""
        mask, marked, at, text = self.pipe.tokenizer.mask_token, [], 0, asked["text"]
        likely = []
        wanted = [one[0]["token"] for one in right.get("masks", ())]
        for number, top in enumerate(answer["masks"]):
            first, token = text.index(mask, at), visible(top[0]["token"])
            at = first + len(mask)
            marked.append((first, at, Stretch(token, "written")))
            if number < len(wanted):
                marked[-1:] = _filled(first, at, token, wanted[number])
            known = (one for one in top if "score" in one)
            shares = ", ".join(f"{visible(one['token'])} {one['score']:.3f}" for one in known)
            likely.append(f"{number + 1}: {shares}")
        return [("text", in_text(text, marked)), plain("likeliest of each", "\n".join(likely))]


def visible(token: str) -> str:
    """A token as a reader sees it: one of blanks alone as a sign."""
    return token.strip() or BLANK


def _filled(first: int, last: int, token: str, wanted: str) -> list[Placed]:
    """What was written in a mask, and what was hidden by it if that is something else."""
    if token == wanted:
        return [(first, last, Stretch(token, "right"))]
    return [(first, first, Stretch(token, "wrong")), (first, last, Stretch(wanted, "missed"))]
