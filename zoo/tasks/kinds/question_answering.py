"""Find the answer to a question in a context (SQuAD)."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.cache import cache_root
from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows, spread
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import QuestionAnsweringSpec
from zoo.tasks.amounts import tokens_of
from zoo.tasks.padding import places
from zoo.tasks.roles import fault, role_faults, sets
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.files import limit_length, save_tokenizer
from zoo.tasks.text.marked.answers import Candidates, candidates, chosen, judged
from zoo.tasks.text.marked.windows import Window, Windowing, windowed
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint
from zoo.tasks.text.tokens import (
    attention_mask,
    has_segments,
    padded,
    position_faults,
    special_ids,
    texts,
    tokenizer_key,
)
from zoo.tasks.text.vocabulary import ENCODER

_SAMPLED = 1000  # rows of a set that tell whether questions may have no answer
_NAMES = {0: "LABEL_0", 1: "LABEL_1"}  # the two outputs of a token: start and end


class QuestionAnswering(Task):
    """start_logits and end_logits (batch, length) against positions (batch,); an example is a
    window of a context, a target the first answer, or the first token where it is not there.
    """

    makes_rows = True

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tokenizer, configuration and length."""
        assert isinstance(recipe.task, QuestionAnsweringSpec)
        self.recipe, self.spec = recipe, recipe.task
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            read, made_of = ("question", "context"), source.train.fingerprint
            self.tokenizer = build_tokenizer(
                recipe, lambda: texts(source.train, read), made_of, ENCODER
            )
            faults += _token_faults(recipe, self.tokenizer)
            heads = {"num_labels": 2, "id2label": _NAMES, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}
            written = {key: (value, "task.kind") for key, value in heads.items()}
            self.config = model_config(recipe, {**special_ids(recipe, self.tokenizer), **written})
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=False)
        if faults:
            raise ConfigError(faults)
        limit_length(self.tokenizer, self.spec.sequence_length)
        self.windows = Windowing(self.tokenizer, self.spec.sequence_length, self.spec.stride)
        self.segments = has_segments(self.tokenizer, self.config)
        some = self.spec.version_2
        self.may_be_none = (
            any(map(_without_answer, sets(source).values())) if some is None else some
        )
        self.notes = [f"questions {'may' if self.may_be_none else 'never'} have no answer"]
        more = "more than the answers' tokens, in a longer task.sequence_length"
        self.lost = {"outside": Lost("task.stride", more)}

    def rows(self, rows: Rows) -> Rows:
        """The windows of all of them."""
        return windowed(rows, self.windows, cache_root(self.recipe.data))

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: tokens."""
        return tokens_of(self.recipe, self, rows, _length)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """One window: ids, segments, spans of its tokens, where the first answer stands in it, and
        what scoring needs of its question.

        Raises CorruptExample for a question that leaves no room, and a context without tokens.
        """
        windows = self.windows(row["question"], row["context"])
        here = windows[row["window"]]
        answers = [text for _, text in row["answers"]]
        places: list[tuple[int, int] | None] = [None]
        if answers:
            start, end = row["answers"][0][0], row["answers"][0][0] + len(answers[0])
            places = [window.place(start, end) for window in windows]
        outside = bool(answers) and not any(places) and row["window"] == 0
        return {
            "here": here,
            "place": (places[row["window"]] if answers else None) or (0, 0),
            "number": row["number"],
            "told": json.dumps([row["context"], answers]).encode(),
            "lost": {"outside": outside},
        }

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """input_ids and attention_mask (batch, longest), positions (batch, 2) of start and end: the
        length of the batch for an example of weight 0, which is none of them and no target.
        """
        windows: list[Window] = [example["here"] for example in examples]
        ids = [window.ids for window in windows]
        mask = attention_mask(ids)
        inputs = {"input_ids": padded(ids, self.tokenizer.pad_token_id), "attention_mask": mask}
        if self.segments:
            inputs["token_type_ids"] = padded([window.segments for window in windows], 0)
        positions = torch.tensor([example["place"] for example in examples])
        weight = torch.tensor([example["weight"] for example in examples])
        positions[weight == 0] = mask.shape[1]
        starts, ends = (padded([w.spans[:, n] for w in windows], -1) for n in (0, 1))
        labels = {
            "positions": positions,
            "mask": mask,
            "spans": torch.stack([starts, ends], dim=-1),
            "number": torch.tensor([example["number"] for example in examples]),
            "told": padded([list(example["told"]) for example in examples], 0).byte(),
        }
        return {
            "inputs": inputs,
            "labels": labels,
            "count": weight.double().sum(),
            "places": places(mask),
            "lost": lost_in(examples, self.lost),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Half the cross entropy of starts and of ends in nats, summed over the windows; what is
        padded is no choice.
        """
        labels = batch["labels"]
        total = outputs["start_logits"].new_zeros((), dtype=torch.float32)
        for number, name in enumerate(("start_logits", "end_logits")):
            logits = outputs[name].float().masked_fill(labels["mask"] == 0, float("-inf"))
            targets, nowhere = labels["positions"][:, number], logits.shape[1]
            total = total + F.cross_entropy(logits, targets, ignore_index=nowhere, reduction="sum")
        return total / 2

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats and windows."""
        count = (batch["labels"]["positions"][:, 0] < batch["labels"]["mask"].shape[1]).sum()
        return {"loss": self.loss(outputs, batch).detach().double(), "count": count.double()}

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        """The question of each window, its context and answers, and the window's candidates."""
        labels = {name: value.cpu().numpy() for name, value in batch["labels"].items()}
        start, end = (outputs[f"{one}_logits"].float().cpu().numpy() for one in ("start", "end"))
        longest, most = self.spec.max_answer_length, self.spec.n_best
        found = [
            candidates(start[row][here], end[row][here], labels["spans"][row][here], longest, most)
            for row, here in enumerate(labels["mask"] > 0)
        ]
        told = [bytes(line).rstrip(b"\0") for line in labels["told"]]
        return {
            "question": labels["number"],
            "told": told,
            "answers": [one.answers for one in found],
            "nothing": [one.nothing for one in found],
        }

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a window; of the best answer over the windows of each question the
        share that is exact, and the mean F1 of its words.
        """
        windows: dict[int, list[Candidates]] = defaultdict(list)
        told: dict[int, bytes] = {}
        columns = (records.get(name, ()) for name in ("question", "told", "answers", "nothing"))
        for question, text, answers, nothing in zip(*columns, strict=True):
            windows[int(question)].append(Candidates(answers, nothing))
            told[int(question)] = text
        sums = np.zeros(2)
        for question, here in windows.items():
            context, right = json.loads(told[question])
            start, end = chosen(here, self.may_be_none, self.spec.null_threshold)
            sums += judged(context[start:end], right or [""], self.may_be_none)
        return {
            "exact": ratio(sums[0], len(windows)),
            "f1": ratio(sums[1], len(windows)),
            "loss": ratio(totals["loss"], totals["count"]),
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"tokenizer": tokenizer_fingerprint(self.tokenizer)}

    def save(self, folder: Path) -> None:
        """The tokenizer's files."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)


def _length(example: Example) -> int:
    """The tokens of a window."""
    return len(example["here"].ids)


def _without_answer(rows: Rows) -> bool:
    """Whether one of some evenly spread rows has no answer."""
    for place in spread(rows, _SAMPLED).tolist():
        try:
            if not rows.value(place, "answers"):
                return True
        except CorruptExample:
            continue
    return False


def _token_faults(recipe: Recipe, tokenizer: Any) -> list[Fault]:
    key, faults = tokenizer_key(recipe), []
    if tokenizer.pad_token_id is None:
        faults.append(fault(recipe, key, "a tokenizer without pad token", "one that has one"))
    if not tokenizer.is_fast:
        found = "a tokenizer that does not tell where its tokens stand"
        faults.append(fault(recipe, key, found, "a fast one, of the package tokenizers"))
    return faults
