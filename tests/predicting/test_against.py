"""Answers against what is right: what is marked is what differs, and every kind tells it."""

import pytest

from zoo.data.rows import CorruptExample
from zoo.predicting.against import Stretch, crossed, in_text, texts_against
from zoo.predicting.classes import classes_against
from zoo.predicting.marks import SHOWN, around, bare
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.roles import ROLES
from zoo.reporting.examples import as_bytes, example_of

FAULTS = {"wrong", "missed", "extra", "absent"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_tells_of_a_row_and_finds_no_fault_with_what_is_right(kind, trained) -> None:
    made = trained(kind)
    predictor = made.predictor()
    row = {role: as_bytes(made.rows[0], role) for role in made.rows[0] if role in ROLES}
    found = example_of(predictor, made.rows, 0, 50_000)
    assert found is not None and found["row"] == 0 and found["parts"]
    assert all({"picture", "sound", "spans"} & part.keys() for part in found["parts"])
    asked, rest = predictor.parted(row, 0)
    right = predictor.right(asked, rest)
    assert right, "a row of the data says what is right"
    told = predictor.told(asked, right, right)
    assert not {one.how for _, spans in told for one in spans} & FAULTS


def test_entities_that_were_found_and_that_were_not_stand_in_their_text(trained) -> None:
    made = trained("token-classification")
    predictor, asked = made.predictor(), {"tokens": ["the", "quick", "fox"]}
    entity = [{"label": "THING", "text": "quick", "start": 4, "end": 9}]
    other = [{"label": "THING", "text": "fox", "start": 10, "end": 13}]
    told = predictor.told(asked, {"entities": entity}, {"entities": other})
    assert told == [
        ("answer", [Stretch("the "), Stretch("quick", "wrong", "THING"), Stretch(" fox")]),
        ("right", [Stretch("the quick "), Stretch("fox", "missed", "THING")]),
    ]


def test_an_answer_that_overlaps_the_right_one_is_right_where_they_agree() -> None:
    text = "in the year 1066 at last"
    placed = crossed((7, 16), (12, 24), text)
    assert in_text(text, placed) == [
        Stretch("in the "),
        Stretch("year ", "wrong"),
        Stretch("1066", "right"),
        Stretch(" at last", "missed"),
    ]
    assert bare(" = 12 ", 2, 6) == (3, 5)


def test_a_long_context_is_cut_around_what_is_marked() -> None:
    text = "word " * 1000
    begin, end = around(text, (2500, 2504), (2600, 2604))
    assert begin <= 2500 and end >= 2604 and end - begin <= SHOWN
    assert text[begin - 1] == text[end] == " "
    assert around("short", (0, 2)) == (0, 5)


def test_words_of_a_transcript_are_marked_that_are_too_much_or_absent() -> None:
    [(_, spans)] = texts_against("heard", "the quick fog", "the quick fox jumps", always=True)
    assert [(one.text, one.how) for one in spans if one.how] == [
        ("fog", "extra"),
        ("fox jumps", "absent"),
    ]
    assert texts_against("heard", "same  words", "same words")[0][1][0].how == "right"
    unlike = texts_against("answer", "a b c", "x y z")
    assert [head for head, _ in unlike] == ["answer", "right"]


def test_classes_that_are_missed_are_named_with_their_probability() -> None:
    top = [{"label": "cat", "score": 0.7}, {"label": "dog", "score": 0.2}]
    spans = classes_against({"label": "cat", "top": top}, {"label": "dog", "top": []})
    assert [one for one in spans if one.how] == [
        Stretch("cat", "wrong", "0.700"),
        Stretch("dog", "missed", "0.200"),
    ]
    several = classes_against({"labels": ["cat"], "top": top}, {"labels": ["cat"], "top": []})
    assert [one.how for one in several if one.how] == ["right"]


def test_tokens_that_are_hidden_come_back_where_they_stood(trained) -> None:
    predictor = trained("masked-lm").predictor()
    text = "the quick brown fox jumps over the lazy dog"
    asked, rest = predictor.parted({"text": text}, 3)
    assert predictor.parted({"text": text}, 3) == (asked, rest)
    whole = asked["text"]
    for token in rest["tokens"]:
        whole = whole.replace(predictor.pipe.tokenizer.mask_token, token, 1)
    assert whole != asked["text"] and text.startswith(whole)
    wrong = {"masks": [[{"token": "zzz", "score": 0.5}] for _ in rest["tokens"]]}
    marks = predictor.told(asked, wrong, predictor.right(asked, rest))[0][1]
    assert [one.text for one in marks if one.how == "missed"] == rest["tokens"]
    assert all(one.text == "zzz" for one in marks if one.how == "wrong")
    with pytest.raises(CorruptExample):
        predictor.parted({"text": " "}, 0)


def test_the_answers_to_a_prompt_or_in_a_chat_are_kept_back(trained) -> None:
    predictor = trained("preference").predictor()
    ask, said = {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Ho."}
    thanks = {"role": "user", "content": "Thanks."}
    chat = {"messages": [ask]}
    assert predictor.parted({"messages": [ask, said, thanks]}, 0) == (chat, {"completion": "Ho."})
    pair = {"prompt": "Hi?", "chosen": "Ho.", "rejected": "No."}
    told = predictor.told(
        {"prompt": "Hi?"}, {"text": "Ha."}, predictor.right(*predictor.parted(pair, 0))
    )
    assert [(head.partition(":")[0], spans[-1].text) for head, spans in told] == [
        ("written on", "Ha."),
        ("preferred", "Ho."),
        ("not preferred", "No."),
    ]
    single = {"prompt": "Hi?", "completion": "No.", "label": False}
    told = predictor.told(
        {"prompt": "Hi?"}, {"text": "Ha."}, predictor.right(*predictor.parted(single, 0))
    )
    assert told[1][0].startswith("not wanted: log\u2011probability -")
    with pytest.raises(CorruptExample):
        predictor.parted({"messages": [ask]}, 0)
