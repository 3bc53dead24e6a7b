"""Answers about texts, by transformers' pipelines."""

from typing import Any

from transformers import pipeline

from zoo.data.rows import CorruptExample, Row
from zoo.predicting.classes import ALL, TOP, classes, said_classes
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
