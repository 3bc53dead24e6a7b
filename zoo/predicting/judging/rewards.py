"""Which reward a model gives to an answer, and which of two it prefers."""

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from zoo.data.rows import CorruptExample, Row
from zoo.predicting.against import Told, plain
from zoo.predicting.exported import Exported, Options
from zoo.predicting.judging.preferred import HEADS, larger
from zoo.predicting.predictor import Answer, Predictor
from zoo.tasks.preferences.answers import BOTH
from zoo.tasks.preferences.reward import rewarded
from zoo.tasks.text.chats.shapes import spoken, turns_of
from zoo.tasks.text.conversations import opening_of
from zoo.tasks.text.encoding import Ids, Speller
from zoo.tasks.text.tokens import attention_mask, padded


class Rewards(Predictor):
    """The reward of an answer, of two also by how much the chosen one's is the larger; of a text,
    or a chat, what is said last in it.
    """

    choices = (
        *(("prompt", *BOTH), BOTH),
        *(("prompt", "completion"), ("messages",), ("text",)),
    )

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.tokenizer = AutoTokenizer.from_pretrained(
            exported.folder, trust_remote_code=exported.trusted
        )
        made = AutoModelForSequenceClassification.from_pretrained(
            exported.folder, **exported.loading
        )
        self.model, self.speller = made.eval().to(exported.device), Speller.of(self.tokenizer)

    def read(self, row: Row) -> list[Ids]:
        """The ids of each answer behind its prompt, as in training.

        Raises CorruptExample for a chat that is none or where there is no template, and for answers
        without a prompt that they share.
        """
        prompt, answers = asked_of(row)
        chats = any(isinstance(one, list) for one in (prompt, *answers))
        if chats and not self.tokenizer.chat_template:
            raise CorruptExample("a chat, for a tokenizer without chat template")
        length, opening = self.exported.key("sequence_length"), opening_of(self.tokenizer, chats)
        return rewarded(self.speller, opening, prompt, answers, length)[0]

    def answers(self, examples: list[list[Ids]]) -> list[Answer]:
        """ "reward" of one answer, "chosen" and "rejected" of two, with their "margin"."""
        ids = [side for sides in examples for side in sides]
        inputs = {
            "input_ids": padded(ids, int(self.tokenizer.pad_token_id)),
            "attention_mask": attention_mask(ids),
        }
        there = {name: one.to(self.model.device) for name, one in inputs.items()}
        with torch.no_grad():
            found = self.model(**there).logits.float().flatten().tolist()
        return [_answer([found.pop(0) for _ in sides]) for sides in examples]

    def said(self, answer: Answer) -> str:
        """The numbers, each with its name where there are several."""
        if "reward" in answer:
            return f"{answer['reward']:.6g}"
        return ", ".join(f"{name} {value:.6g}" for name, value in answer.items())

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """What was asked, each answer with its reward, and which has the larger one."""
        if "reward" in answer:
            return super().told(asked, answer, right)
        prompt = [plain("prompt", words(asked["prompt"]))] if "prompt" in asked else []
        both = [
            plain(f"{head}: reward {answer[side]:.4g}", words(asked[side]))
            for side, head in zip(BOTH, HEADS, strict=True)
        ]
        return [*prompt, *both, *larger(answer["chosen"], answer["rejected"])]


def asked_of(row: Row) -> tuple[Any, list[Any]]:
    """A row's prompt (None where its answers hold it) and answers; raises CorruptExample."""
    if "text" in row:
        return "", [row["text"]]
    if "messages" in row:
        turns = turns_of(row["messages"])
        if turns[-1]["role"] != "assistant" or len(turns) == 1:
            raise CorruptExample("a chat that does not end with an answer")
        return turns[:-1], [turns[-1:]]
    return row.get("prompt"), [row[side] for side in (*BOTH, "completion") if side in row]


def words(said: Any) -> str:
    """A text, or what is said in the turns of a chat, a line each."""
    return "\n".join(map(spoken, turns_of(said))) if isinstance(said, list) else str(said)


def _answer(rewards: list[float]) -> Answer:
    if len(rewards) == 1:
        return {"reward": rewards[0]}
    chosen, rejected = rewards
    return {"chosen": chosen, "rejected": rejected, "margin": chosen - rejected}
