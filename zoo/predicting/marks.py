"""Answers that are stretches of a text: entities, and what answers a question."""

from itertools import accumulate

import torch
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from zoo.data.reading.marked import words_of
from zoo.data.rows import Row
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor
from zoo.predicting.text import truncation
from zoo.tasks.text.marked.answers import candidates, chosen
from zoo.tasks.text.marked.entities import entities, scheme_of
from zoo.tasks.text.marked.windows import Windowing
from zoo.tasks.text.tokens import has_segments

Words = list[tuple[str, int, int]]
"""Words, and where they stand in their text."""


class Tags(Predictor):
    """The entities of a text or of its words, by the first token of each word as in evaluation."""

    choices = (("tokens",), ("text",))

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.tokenizer = AutoTokenizer.from_pretrained(exported.folder)
        made = AutoModelForTokenClassification.from_pretrained(exported.folder, **exported.loading)
        self.model = made.eval().to(exported.device)
        self.cut = truncation(exported, self.tokenizer)
        self.names = self.model.config.id2label
        scheme = exported.key("scheme") or scheme_of(self.names.values(), ())
        self.alone = scheme == "words"

    def read(self, row: Row) -> tuple[str, Words]:
        """A text and its words; those that are given stand with a space between."""
        if "tokens" not in row:
            return row["text"], words_of(row["text"])
        starts = accumulate((len(word) + 1 for word in row["tokens"]), initial=0)
        placed = zip(row["tokens"], starts, strict=False)
        return " ".join(row["tokens"]), [(word, at, at + len(word)) for word, at in placed]

    def answers(self, examples: list[tuple[str, Words]]) -> list[Answer]:
        """ "entities", each with its "label", "text", and "start" and "end" in the whole text."""
        return [{"entities": self._entities(*one)} for one in examples]

    def _entities(self, text: str, words: Words) -> list[Answer]:
        if not words:
            return []
        plain = [word for word, _, _ in words]
        encoded = self.tokenizer(plain, is_split_into_words=True, return_tensors="pt", **self.cut)
        with torch.no_grad():
            logits = self.model(**encoded.to(self.exported.device)).logits[0]
        chosen = logits.argmax(-1).tolist()
        first: dict[int, str] = {}  # by the number of a word; those that are cut away have none
        for word, tag in zip(encoded.word_ids(), chosen, strict=True):
            if word is not None:
                first.setdefault(word, self.names[tag])
        found = [words[number] for number in first]
        spans = [
            (kind, found[begin][1], found[end][2])
            for kind, begin, end in entities(list(first.values()), self.alone)
        ]
        return [{"label": k, "text": text[a:b], "start": a, "end": b} for k, a, b in spans]

    def said(self, answer: Answer) -> str:
        """The entities in their order."""
        return ", ".join(f"{one['text']!r} {one['label']}" for one in answer["entities"]) or "none"


class Answers(Predictor):
    """The answer to a question in a context, over all windows of it as in evaluation."""

    choices = (("question", "context"),)

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        tokenizer = AutoTokenizer.from_pretrained(exported.folder)
        made = AutoModelForQuestionAnswering.from_pretrained(exported.folder, **exported.loading)
        self.model = made.eval().to(exported.device)
        self.windows = Windowing(tokenizer, exported.key("sequence_length"), exported.key("stride"))
        self.segments = has_segments(tokenizer, self.model.config)
        self.longest, self.most = exported.key("max_answer_length"), exported.key("n_best")
        self.may_be_none = bool(exported.key("version_2"))

    def answers(self, examples: list[Row]) -> list[Answer]:
        """ "answer", and its "start" and "end" in the context; empty for no answer, which only a
        model of `version_2` gives.
        """
        return [self._answer(one["question"], one["context"]) for one in examples]

    def _answer(self, question: str, context: str) -> Answer:
        found = []
        for window in self.windows(question, context):
            inputs = {"input_ids": torch.tensor([window.ids], device=self.exported.device)}
            if self.segments:
                inputs["token_type_ids"] = torch.tensor(
                    [window.segments], device=self.exported.device
                )
            with torch.no_grad():
                outputs = self.model(**inputs)
            start, end = (
                outputs[f"{one}_logits"][0].float().cpu().numpy() for one in ("start", "end")
            )
            found.append(candidates(start, end, window.spans, self.longest, self.most))
        first, last = chosen(found, self.may_be_none, self.exported.key("null_threshold"))
        return {"answer": context[first:last], "start": first, "end": last}

    def said(self, answer: Answer) -> str:
        """The answer, or that there is none."""
        return str(answer["answer"]) or "no answer"
