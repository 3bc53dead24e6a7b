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
from zoo.predicting.against import How, Stretch, Told, crossed, in_text, plain
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor
from zoo.predicting.text import truncation
from zoo.tasks.text.marked.answers import candidates, chosen, judged
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
        return self._placed(text, [words[number] for number in first], [*first.values()])

    def _placed(self, text: str, words: Words, tags: list[str]) -> list[Answer]:
        spans = [
            (kind, words[begin][1], words[end][2])
            for kind, begin, end in entities(tags, self.alone)
        ]
        return [{"label": k, "text": text[a:b], "start": a, "end": b} for k, a, b in spans]

    def said(self, answer: Answer) -> str:
        """The entities in their order."""
        return ", ".join(f"{one['text']!r} {one['label']}" for one in answer["entities"]) or "none"

    def right(self, asked: Row, rest: Row) -> Answer:
        """The entities that the row's tags say."""
        if "tags" not in rest or "tokens" not in asked:
            return {}
        text, words = self.read(asked)
        tags = [self.names.get(tag, str(tag)) for tag in rest["tags"]]
        return {"entities": self._placed(text, words, tags)}

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """The text with the entities that were found, and where some were not with those that are
        right.
        """
        text, _ = self.read(asked)
        ours, theirs = answer["entities"], right.get("entities")
        if theirs is None:
            return [("text", marked(text, ours, [], "written"))]
        told = [("answer", marked(text, ours, theirs, "wrong"))]
        if not ours:
            told.append(("entities", [Stretch("none", "wrong" if theirs else "right")]))
        if any(one not in ours for one in theirs):
            told.append(("right", marked(text, theirs, ours, "missed")))
        return told


SHOWN = 600
"""Characters of a text around what is marked in it."""


def marked(text: str, some: list[Answer], others: list[Answer], alone: How) -> list[Stretch]:
    """A text, shortened, with entities that are right where the others have them too."""
    placed = [
        (
            one["start"],
            one["end"],
            Stretch(one["text"], "right" if one in others else alone, one["label"]),
        )
        for one in some
    ]
    return in_text(text, placed, 0, SHOWN)


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

    def right(self, asked: Row, rest: Row) -> Answer:
        """The first of the row's answers, and "all" of them."""
        if "answers" not in rest:
            return {}
        texts = [text for _, text in rest["answers"]]
        start, text = rest["answers"][0] if texts else (0, "")
        return {"answer": text, "start": start, "end": start + len(text), "all": texts}

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """The context with the answer that was found and the one that is right; both in words."""
        context = str(asked["context"])
        found = bare(context, answer["start"], answer["end"])
        begin, end = around(context, found, (right.get("start", 0), right.get("end", 0)))
        question = plain("question", asked["question"])
        if not right:
            placed = [(*found, Stretch(context[slice(*found)], "written"))]
            return [question, ("context", in_text(context, placed, begin, end))]
        exact, f1 = judged(answer["answer"], right["all"] or [""], self.may_be_none)
        placed = [(*found, Stretch(context[slice(*found)], "right"))]
        if not exact:
            placed = crossed(found, (right["start"], right["end"]), context)
        how: How = "right" if exact else "wrong"
        told = [
            question,
            ("context", in_text(context, [one for one in placed if one[2].text], begin, end)),
            ("answer", [Stretch(self.said(answer).strip(), how, "" if exact else f"F1 {f1:.2f}")]),
        ]
        wanted = " | ".join(dict.fromkeys(right["all"])) or "no answer"
        return told if exact else [*told, ("right", [Stretch(wanted, "missed")])]


def bare(text: str, first: int, last: int) -> tuple[int, int]:
    """A place of a text without the blanks at its ends, which some tokens bring along."""
    found = text[first:last]
    return first + len(found) - len(found.lstrip()), last - len(found) + len(found.rstrip())


def around(text: str, *places: tuple[int, int]) -> tuple[int, int]:
    """The first character and the first behind the last of a text of at most about SHOWN that
    shows these places; the first of them where they are too far apart.
    """
    there = [one for one in places if one[1] > one[0]] or [(0, 0)]
    first, last = min(one[0] for one in there), max(one[1] for one in there)
    if last - first > SHOWN:
        first, last = there[0]
    before = max(0, (SHOWN - (last - first)) // 2)
    begin = max(0, min(first - before, len(text) - SHOWN))
    begin = text.find(" ", begin, first) + 1 if begin else 0
    end = max(last, begin + SHOWN)
    cut = text.rfind(" ", last, end)
    return begin, len(text) if end >= len(text) else cut if cut > 0 else end
