"""Rewards are those that evaluation scores, however an answer is handed over."""

import json
from typing import Any

import pytest
import torch

from zoo.predicting.inputs import Wanted, inputs
from zoo.predicting.predict import readable
from zoo.reporting.examples import example_of

KIND = "sequence-classification"
PAIRS = [
    {"prompt": "ab", "chosen": "cde", "rejected": "f"},
    {"prompt": "", "chosen": "bad", "rejected": "dabbed"},
]
ASKED = {"role": "user", "content": "hi"}
GOOD, BAD = ({"role": "assistant", "content": one} for one in ("yes", "never"))
CHATS = [{"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]}]
LLAMA = {
    **{"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    **{"intermediate_size": 16, "max_position_embeddings": 128},
}


@pytest.fixture
def rewards(trained: Any) -> Any:
    """rewards(rows, model's keys): the trained one, and what answers with it."""

    def make(rows: Any, length: int = 60, **model: Any) -> Any:
        made = trained(KIND, {"problem": "pairs", "sequence_length": length}, rows=rows, **model)
        return made, made.predictor()

    return make


def answered(predictor: Any, *rows: Any) -> Any:
    return predictor.answers([predictor.read(row) for row in rows])


@pytest.mark.parametrize("config", [None, LLAMA], ids=["bert", "llama"])
def test_the_rewards_of_pairs_are_those_that_evaluation_scores(rewards: Any, config: Any) -> None:
    made, predictor = rewards(PAIRS, **({"config": config, "tokenizer": "bytes"} if config else {}))
    found, logits = answered(predictor, *PAIRS), made.logits(2).view(-1, 2)
    for one, (chosen, rejected) in zip(found, logits.tolist(), strict=True):
        assert one == pytest.approx(
            {"chosen": chosen, "rejected": rejected, "margin": chosen - rejected}, abs=1e-5
        )
    alone = answered(predictor, {"prompt": "ab", "completion": "cde"}, {"text": "abcde"})
    assert [one["reward"] for one in alone] == pytest.approx([found[0]["chosen"]] * 2, abs=1e-5)
    assert predictor.said(alone[0]) == f"{alone[0]['reward']:.6g}"
    assert predictor.said(found[0]).startswith("chosen ")


def test_the_rewards_of_chats_are_those_that_evaluation_scores(rewards: Any) -> None:
    made, predictor = rewards(CHATS, 100, config=LLAMA, tokenizer="bytes")
    whole = [{"messages": [ASKED, GOOD]}, {"messages": [ASKED, BAD]}]
    found = [one["reward"] for one in answered(predictor, *whole)]
    torch.testing.assert_close(made.logits(1).flatten(), torch.tensor(found), atol=1e-5, rtol=1e-5)
    (pair,) = answered(predictor, CHATS[0])
    assert [pair["chosen"], pair["rejected"]] == pytest.approx(found, abs=1e-5)


def test_what_has_no_answer_is_refused_and_the_others_are_read(rewards: Any, tmp_path: Any) -> None:
    _, predictor = rewards(PAIRS)
    rows = [*PAIRS, *CHATS, {"messages": [ASKED]}, {"prompt": "a"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    kind = predictor.exported.kind
    wanted = Wanted(predictor.choices, {}, kind.may_be_chats, kind.may_be_blank)
    read = readable(predictor, inputs([str(tmp_path / "rows.jsonl"), "a word"], wanted, None))  # type: ignore[arg-type]
    said = [one.error for one, _ in read]
    assert said[:2] == ["", ""] and said[5] == ""
    assert said[2] == "a chat, for a tokenizer without chat template"
    assert said[3] == "a chat that does not end with an answer"
    assert "it needs prompt and chosen and rejected or chosen and rejected or" in said[4]


def test_a_report_shows_both_answers_with_their_rewards(rewards: Any) -> None:
    made, predictor = rewards(PAIRS)
    parts = example_of(predictor, made.rows, 0, 1000)["parts"]
    (found,) = answered(predictor, PAIRS[0])
    assert [one["head"] for one in parts] == [
        "prompt",
        f"preferred: reward {found['chosen']:.4g}",
        f"not preferred: reward {found['rejected']:.4g}",
        "the larger reward has",
    ]
    assert parts[2]["spans"][0]["text"] == "f"
    assert parts[3]["spans"][0]["mark"] == ("right" if found["margin"] > 0 else "wrong")
