import pytest
import torch

from zoo.data.builtin.morse import MorseRows
from zoo.data.rows import CorruptExample, ListRows
from zoo.tasks.task import IGNORE
from zoo.tasks.text.tokens import attention_mask, padded, target_count, texts, token_loss


class Broken(ListRows):
    def __getitem__(self, index):
        if index == 1:
            raise CorruptExample("file 1")
        return super().__getitem__(index)


def test_texts_of_several_roles_are_all_read():
    rows = ListRows([{"text": "a", "text_pair": "b"}, {"text": "c", "text_pair": "d"}], "f")
    assert list(texts(rows, ["text", "text_pair"])) == ["a", "b", "c", "d"]


def test_chats_are_read_message_by_message():
    rows = ListRows([{"messages": [{"role": "user", "content": c} for c in "xy"]}], "f")
    assert list(texts(rows, ["messages"])) == ["x", "y"]


def test_unreadable_rows_teach_a_tokenizer_nothing():
    rows = Broken([{"text": t} for t in "abc"], "f")
    assert list(texts(rows, ["text"])) == ["a", "c"]


def test_transcripts_of_built_in_clips_are_read_without_keying_one(monkeypatch):
    monkeypatch.delattr(MorseRows, "__getitem__")
    words = [f"word{number}" for number in range(250)]
    rows = MorseRows("validation", {"train": ["a"], "validation": words, "test": ["b"]})
    found = list(texts(rows, ["transcript"]))
    assert found == rows.texts
    assert len(set(found)) == 200 and set(found) < set(words)


def test_padding_stands_on_the_right_and_is_masked():
    lines = [[5, 0, 7], [0]]
    assert padded(lines, 9).tolist() == [[5, 0, 7], [0, 9, 9]]
    assert attention_mask(lines).tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_loss_sums_over_targets_only():
    logits = torch.zeros(1, 3, 4)
    labels = torch.tensor([[1, IGNORE, 3]])
    assert token_loss(logits, labels).item() == pytest.approx(2 * torch.log(torch.tensor(4.0)))
    assert target_count(labels) == 2
