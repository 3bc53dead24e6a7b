"""Rows of preferences as questions: what is asked of them, and which answers the data has."""

from typing import Any

import numpy as np
import pytest
import torch

from zoo.predicting.against import Stretch
from zoo.predicting.judging.preferred import Judging, larger

ASKED = {"role": "user", "content": "hi"}
GOOD, BAD = ({"role": "assistant", "content": one} for one in ("yes", "no"))
CHAT, TEXT = {"messages": [ASKED]}, {"prompt": "hi"}


@pytest.mark.parametrize(
    ("row", "asked", "answers"),
    [
        ({"prompt": "hi", "chosen": "yes", "rejected": "no"}, TEXT, ["yes", "no"]),
        ({"chosen": "hi yes", "rejected": "hi no"}, TEXT, ["hi yes", "hi no"]),
        (
            {"prompt": "hi", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            CHAT,
            [[ASKED, GOOD], [ASKED, BAD]],
        ),
        ({"prompt": [ASKED], "completion": [GOOD], "label": 1}, CHAT, [[GOOD]]),
        ({"prompt": "hi", "completion": "no", "label": 0}, TEXT, ["no"]),
        ({"prompt": "hi"}, TEXT, None),
    ],
    ids=["texts", "whole texts", "chats", "a wanted answer", "an unwanted one", "a prompt"],
)
def test_what_is_asked_of_a_row_is_its_prompt_and_the_rest_are_its_answers(
    row: Any, asked: Any, answers: Any
) -> None:
    predictor = object.__new__(Judging)  # without a model: rows alone are looked at
    found, rest = predictor.parted(row, 0)
    assert (found, rest.get("answers")) == (asked, answers)
    assert rest.get("label") == row.get("label")


@pytest.mark.parametrize("loss", ["dpo", "ipo", "simpo", "kto"])
def test_rewards_of_a_row_are_those_that_evaluation_scores(trained: Any, loss: str) -> None:
    rows = None if loss != "kto" else [{"prompt": "ab", "completion": c, "label": 1} for c in "cd"]
    made = trained("preference", {"loss": loss}, rows=rows)
    predictor, row = made.predictor(), made.task.rows(made.rows)[0]
    told = {**row, "reference": np.array([-3.0, -4.0], np.float32)}
    example = made.task.example(told, np.random.default_rng(0), False) | {"weight": 1.0}
    batch = made.task.collate([example], np.random.default_rng(0), False)
    with torch.no_grad():
        outputs = made.model(**batch["inputs"])
    _, *compared, _ = made.task.judged(outputs, batch)
    judged = predictor.right(*predictor.parted(told, 0))["_answers"]
    wanted = [made.task.form.beta * float(one) for one in compared][: len(judged)]
    assert [one.reward for one in judged] == pytest.approx(wanted, rel=1e-4)
    assert len(judged) == (1 if loss == "kto" else 2)


def test_which_of_two_answers_has_the_larger_reward_is_told() -> None:
    assert larger(None, 1.0) == []
    assert larger(2.0, 1.5) == [
        ("the larger reward has", [Stretch("the preferred answer", "right", "margin 0.5")])
    ]
    assert larger(1.0, 1.5)[0][1] == [Stretch("the other answer", "wrong", "margin -0.5")]
