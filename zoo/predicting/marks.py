"""Answers that are stretches of a text: entities."""

from itertools import accumulate

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from zoo.data.reading.marked import words_of
from zoo.data.rows import Row
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor
from zoo.predicting.text import truncation
from zoo.tasks.text.entities import entities, scheme_of

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
