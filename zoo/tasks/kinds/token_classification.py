"""Name the tag of each word of a text: entities, phrases, parts of speech."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows, spread
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import TokenClassificationSpec
from zoo.tasks.amounts import length_of, tokens_of
from zoo.tasks.padding import places
from zoo.tasks.roles import fault, label_digest, label_faults, label_names, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.task import IGNORE, NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.files import limit_length, save_tokenizer
from zoo.tasks.text.marked.entities import OUTSIDE, entity_sums, entity_types, odd_names, scheme_of
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.tokenizer import (
    build_tokenizer,
    spaced_words,
    tokenizer_fingerprint,
    word_framer,
)
from zoo.tasks.text.tokens import (
    attention_mask,
    has_segments,
    pad_faults,
    padded,
    position_faults,
    special_ids,
    target_count,
    token_loss,
    token_tally,
    tokenizer_key,
)
from zoo.tasks.text.vocabulary import ENCODER

_SAMPLED = 1000  # rows that tell the scheme
_NOWHERE = -1


class TokenClassification(Task):
    """logits (batch, length, classes) against labels (batch, length): a target is the first token
    of a word.

    Words whose tokens are cut away, or that have none, have no prediction: they are scored as O.
    """

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tags, tokenizer and length."""
        assert isinstance(recipe.task, TokenClassificationSpec)
        self.recipe, self.spec = recipe, recipe.task
        faults = role_faults(recipe, source, ("tokens", "tags")) + label_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        self.names = [str(name) for name in source.labels or ()]
        with collected(faults):
            self.scheme = _scheme(recipe, self.spec.scheme, self.names, source.train)
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            made_of = source.train.fingerprint
            self.tokenizer = build_tokenizer(recipe, lambda: _texts(source.train), made_of, ENCODER)
            faults += _token_faults(recipe, self.tokenizer)
            self.config = model_config(
                recipe, {**special_ids(recipe, self.tokenizer), **label_names(source)}
            )
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=False)
        if faults:
            raise ConfigError(faults)
        limit_length(self.tokenizer, self.spec.sequence_length)
        self.framed = word_framer(self.tokenizer, self.spec.sequence_length)
        self.segments = has_segments(self.tokenizer, self.config)
        self.alone = self.scheme == "words"
        self.types = entity_types(self.names, self.alone)
        self.notes = [f"tags of words are read as {self.scheme}"]
        longer = f"more tokens than {self.spec.sequence_length}, or shorter texts"
        self.lost = {"truncated": Lost("task.sequence_length", longer)}

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: tokens."""
        return tokens_of(self.recipe, self, rows, length_of)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """Token ids, segments, a label on the first token of each word, all tags, and where each
        word's first token is (-1: nowhere).

        Raises CorruptExample for a text without words.
        """
        if not row["tokens"]:
            raise CorruptExample("a text without words")
        ids, segments, words = self.framed(row["tokens"])
        places = np.full(len(row["tokens"]), _NOWHERE)
        for place, word in reversed([*enumerate(words)]):
            if word is not None:
                places[word] = place
        tags = np.array(row["tags"])
        labels = np.full(len(ids), IGNORE)
        labels[places[places != _NOWHERE]] = tags[places != _NOWHERE]
        last = max((word for word in words if word is not None), default=_NOWHERE)
        lost = {"truncated": len(ids) >= self.spec.sequence_length and last < len(tags) - 1}
        return {
            "ids": ids,
            "segments": segments,
            "labels": labels,
            "tags": tags,
            "places": places,
            "lost": lost,
        }

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """input_ids and attention_mask (batch, longest); tags and places (batch, most words)."""
        ids = [example["ids"] for example in examples]
        inputs = {
            "input_ids": padded(ids, self.tokenizer.pad_token_id),
            "attention_mask": attention_mask(ids),
        }
        if self.segments:
            inputs["token_type_ids"] = padded([example["segments"] for example in examples], 0)
        labels = padded([example["labels"] for example in examples], IGNORE)
        labels[torch.tensor([example["weight"] == 0 for example in examples])] = IGNORE
        return {
            "inputs": inputs,
            "labels": {
                "labels": labels,
                "tags": padded([example["tags"] for example in examples], IGNORE),
                "places": padded([example["places"] for example in examples], _NOWHERE),
                "weight": torch.tensor([example["weight"] for example in examples]),
            },
            "count": target_count(labels),
            "places": places(inputs["attention_mask"]),
            "lost": lost_in(examples, self.lost),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Cross entropy in nats, summed over the words."""
        return token_loss(outputs["logits"], batch["labels"]["labels"])

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats, targets, words, right words, and entities (type: right, found, wanted)."""
        logits = outputs["logits"].detach()
        chosen = logits.argmax(-1).cpu().numpy()
        labels = {name: value.cpu().numpy() for name, value in batch["labels"].items()}
        sums, words = np.zeros((len(self.types), 3)), np.zeros(2)
        for row in np.flatnonzero(labels["weight"]):
            tags = labels["tags"][row]
            places = labels["places"][row][tags != IGNORE]
            wanted = [self.names[tag] for tag in tags[tags != IGNORE]]
            found = [
                self.names[chosen[row, place]] if place != _NOWHERE else OUTSIDE for place in places
            ]
            sums += entity_sums(found, wanted, self.types, self.alone)
            words += [len(wanted), sum(a == b for a, b in zip(found, wanted, strict=True))]
        counts = torch.tensor(words, dtype=torch.float64, device=logits.device)
        return {
            **token_tally(logits, batch),
            "words": counts[0],
            "right": counts[1],
            "entities": torch.tensor(sums, dtype=torch.float64, device=logits.device),
        }

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a word; F1, precision and recall of entities, F1 also as the mean over
        types; the share of words with the right tag. 0 where there is nothing to divide by.
        """
        right, found, wanted = totals["entities"].sum(0).tolist()
        by_type = totals["entities"]
        seen = by_type[:, 1:].sum(1) > 0
        each = 2 * by_type[seen, 0] / by_type[seen, 1:].sum(1)
        return {
            "entity_f1": _share(2 * right, found + wanted),
            "loss": ratio(totals["loss"], totals["count"]),
            "precision": _share(right, found),
            "recall": _share(right, wanted),
            "macro_f1": _share(float(each.sum()), len(each)),
            "accuracy": ratio(totals["right"], totals["words"]),
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {
            "labels": label_digest(self.config),
            "tokenizer": tokenizer_fingerprint(self.tokenizer),
        }

    def save(self, folder: Path) -> None:
        """The tokenizer's files."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _texts(rows: Rows) -> Iterator[str]:
    """The words of each row as a text; what cannot be read is left out."""
    for index in range(len(rows)):
        try:
            yield " " + " ".join(rows.value(index, "tokens"))
        except CorruptExample:
            continue


def _scheme(recipe: Recipe, chosen: str | None, names: list[str], train: Rows) -> str:
    """The scheme of the tags; raises ConfigError where names or rows are of none, or of two."""
    odd = odd_names(names, chosen)
    if odd:
        key = "task.scheme" if chosen else "data.labels"
        allowed = "names of tags in id order, of one scheme: O and B-, I- (IOB1, IOB2), O and B-, "
        allowed += "I-, E-, S- (IOBES), or words without such marks"
        raise ConfigError([fault(recipe, key, odd, allowed)])
    if chosen:
        return chosen
    places = spread(train, _SAMPLED)
    found = scheme_of(names, _sampled(train, places, names))
    if found:
        return found
    said = "train rows of two schemes: entities begin now with B- and now with I-, or end so"
    allowed = 'rows of one scheme; "iob1", "iob2" or "iobes" takes them as they are'
    raise ConfigError([fault(recipe, "task.scheme", said, allowed)])


def _sampled(rows: Rows, places: np.ndarray, names: list[str]) -> Iterator[list[str]]:
    for place in places.tolist():
        try:
            yield [names[tag] for tag in rows[place]["tags"]]
        except CorruptExample:
            continue


def _token_faults(recipe: Recipe, tokenizer: Any) -> list[Fault]:
    key, faults = tokenizer_key(recipe), pad_faults(recipe, tokenizer)
    if not spaced_words(tokenizer):
        found = "a tokenizer that makes other tokens of words apart than of a text"
        allowed = "one of words: wordpiece, bpe, unigram, bytes or a pretrained one of such"
        faults.append(fault(recipe, key, found, allowed))
    return faults
