"""Words with tags in all their forms are one kind of row; what does not fit together is corrupt."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.data.sources.reading import rows_of, said
from zoo.data.source import open_source

KIND = "token-classification"
NAMES = ("B-LOC", "B-PER", "I-LOC", "O")
WORDS = [["Ada", "saw", "New", "York"], ["London", "."]]
TAGS = [["B-PER", "O", "B-LOC", "I-LOC"], ["B-LOC", "O"]]
LINES = [{"tokens": w, "tags": t} for w, t in zip(WORDS, TAGS, strict=True)]
JSONL = "".join(json.dumps(line) + "\n" for line in LINES)
CONLL = """-DOCSTART- -X- O O

Ada NNP B-NP B-PER
saw VBD B-VP O
New NNP B-NP B-LOC
York NNP I-NP I-LOC

London NNP B-NP B-LOC
. . O O
"""
TEXTS = [
    {
        "text": "Ada saw New York",
        "entities": [
            {"start": 8, "end": 16, "label": "LOC"},
            {"start": 0, "end": 3, "label": "PER"},
        ],
    },
    {"text": "London.", "entities": {"start": [0], "end": [6], "label": ["LOC"]}},
]
FORMS = {
    "rows.jsonl": JSONL,
    "rows.json": json.dumps({"data": LINES}),
    "rows.conll": CONLL,
    "spans.jsonl": "".join(json.dumps(text) + "\n" for text in TEXTS),
    "words.csv": "tokens,tags\nAda saw New York,B-PER O B-LOC I-LOC\nLondon .,B-LOC O\n",
}


def as_names(rows: list[Any], labels: tuple[str, ...]) -> list[tuple[list[str], list[str]]]:
    return [([*row["tokens"]], [labels[tag] for tag in row["tags"]]) for row in rows]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_words_and_tags(name: str, opened: Any) -> None:
    source = opened(KIND, name, FORMS[name])
    assert source.labels is not None and set(source.labels) >= set(NAMES)
    found = as_names(rows_of(source.train), source.labels)
    assert found == [*zip(WORDS, TAGS, strict=True)]
    assert list(source.labels) == sorted(source.labels)


def ids_of(tags: list[str]) -> list[int]:
    return [("O", "B-PER", "B-LOC", "I-LOC").index(tag) for tag in tags]


@pytest.mark.parametrize("how", ["hub", "parquet"])
def test_names_of_tags_come_from_the_data_set(how: str, tmp_path: Path, make_recipe: Any) -> None:
    names = datasets.ClassLabel(names=["O", "B-PER", "B-LOC", "I-LOC"])
    features = datasets.Features(
        {"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(names)}
    )
    lines = [{"tokens": w, "ner_tags": ids_of(t)} for w, t in zip(WORDS, TAGS, strict=True)]
    table = datasets.Dataset.from_list(lines, features=features)
    table.to_parquet(tmp_path / "set" / "train.parquet")
    place = {"name": str(tmp_path / "set")} if how == "hub" else {"folder": str(tmp_path / "set")}
    source_name = "hub" if how == "hub" else "files"
    recipe = make_recipe(KIND, source=source_name, **place, columns={"tags": "ner_tags"})
    source = open_source(recipe)
    assert source.labels == ("O", "B-PER", "B-LOC", "I-LOC")
    assert as_names(rows_of(source.train), source.labels) == [*zip(WORDS, TAGS, strict=True)]
    lengths = source.train.lengths()
    assert lengths is not None and lengths[0] > lengths[1]


def test_words_and_tags_of_unequal_number_are_a_corrupt_row(opened: Any) -> None:
    lines = [*LINES, {"tokens": ["a", "b"], "tags": ["O"]}, {"tokens": ["a"]}, {"tokens": []}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    found = rows_of(opened(KIND, "rows.jsonl", text).train)[2:]
    assert found == ["line 3 (1 tags for 2 words)", "line 4 (no tags)", "line 5 (no tokens)"]


def test_a_sentence_with_a_word_alone_is_a_corrupt_row(opened: Any) -> None:
    rows = rows_of(opened(KIND, "rows.conll", CONLL + "\nParis\nB O\n").train)
    assert len(rows) == 3
    assert rows[2] == "line 11 (a word without a tag on line 11)"


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([(0, 9, "A")], "a stretch 0..9, which overlaps or is none of 7 characters"),
        ([(0, 3, "A"), (2, 5, "B")], "a stretch 2..5, which overlaps or is none of 7 characters"),
        ([(3, 3, "A")], "a stretch 3..3, which overlaps or is none of 7 characters"),
    ],
)
def test_stretches_that_are_none_are_a_corrupt_row(spans: list[Any], why: str, opened: Any) -> None:
    entities = [dict(zip(("start", "end", "label"), span, strict=True)) for span in spans]
    lines = [*TEXTS, {"text": "London.", "entities": entities}, {"text": "Rome", "entities": []}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    rows = rows_of(opened(KIND, "rows.jsonl", text).train)
    assert rows[2] == f"line 3 ({why})"
    assert rows[3]["tokens"] == ("Rome",) and len(rows[3]["tags"]) == 1


def test_a_stretch_inside_a_word_names_the_whole_word(opened: Any) -> None:
    line = {"text": "pre-war Berlin's", "entities": {"start": [9], "end": [12], "label": ["LOC"]}}
    source = opened(KIND, "rows.jsonl", json.dumps(line) + "\n")
    words, tags = as_names(rows_of(source.train), source.labels)[0]
    assert words == ["pre", "-", "war", "Berlin", "'", "s"]
    assert tags == ["O", "O", "O", "B-LOC", "O", "O"]


def test_a_tag_that_train_does_not_name_is_a_fault(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "valid.jsonl").write_text('{"tokens": ["a"], "tags": ["B-ORG"]}\n')
    message = said(opened, KIND, "rows.jsonl", JSONL, valid="valid.jsonl")
    assert "data.labels: found B-ORG" in message and "B-LOC, B-PER, I-LOC, O" in message


ASKED = [
    {"question": "who", "context": "Ada saw York", "answers": ((0, "Ada"), (0, "Ada saw"))},
    {"question": "when", "context": "Ada saw York", "answers": ()},
]
SAID = [
    {"question": one["question"], "context": one["context"], "answers": {
        "text": [text for _, text in one["answers"]],
        "answer_start": [start for start, _ in one["answers"]],
    }}
    for one in ASKED
]  # fmt: skip
QAS = [
    {"id": "1", "question": one["question"], "is_impossible": not one["answers"], "answers": [
        {"text": text, "answer_start": start} for start, text in one["answers"]
    ]}
    for one in ASKED
]  # fmt: skip
SQUAD = {
    "version": "v2.0",
    "data": [{"title": "York", "paragraphs": [{"context": "Ada saw York", "qas": QAS}]}],
}


@pytest.mark.parametrize("form", ["squad", "jsonl", "hub"])
def test_questions_of_every_form_are_the_same(
    form: str, opened: Any, tmp_path: Path, make_recipe: Any
) -> None:
    if form == "hub":
        datasets.Dataset.from_list(SAID).to_parquet(tmp_path / "set" / "train.parquet")
        recipe = make_recipe("question-answering", source="hub", name=str(tmp_path / "set"))
        source = open_source(recipe)
    elif form == "squad":
        source = opened("question-answering", "train-v2.0.json", json.dumps(SQUAD))
    else:
        lines = "".join(json.dumps(one) + "\n" for one in SAID)
        source = opened("question-answering", "rows.jsonl", lines)
    assert [{**row, "answers": _plain(row["answers"])} for row in rows_of(source.train)] == ASKED


def _plain(answers: Any) -> tuple[tuple[int, str], ...]:
    return tuple((start, text) for start, text in answers)


def test_an_answer_that_is_not_where_it_is_said_to_be_is_a_corrupt_row(opened: Any) -> None:
    wrong = [
        {"answer_start": 1, "text": "Ada"},
        {"answer_start": -1, "text": "k"},
        {"answer_start": 0},
    ]
    lines = [SAID[0], *({**SAID[0], "answers": [one]} for one in wrong)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    found = rows_of(opened("question-answering", "rows.jsonl", text).train)[1:]
    assert found == [
        "line 2 (an answer 'Ada' at 1, where 'da ' stands)",
        "line 3 (an answer 'k' at -1, where 'A' stands)",
        "line 4 (answers: an answer that lacks its text or answer_start)",
    ]
