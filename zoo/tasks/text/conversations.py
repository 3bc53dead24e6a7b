"""Prompts with completions, and chats, as token ids with a mark on every target."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from zoo.data.rows import CorruptExample, Row

Marked = list[tuple[str, bool]]
"""Pieces of a text; true where the model is to learn to write it."""


def marked_pieces(tokenizer: PreTrainedTokenizerBase, row: Row) -> Marked:
    """A row's text in pieces: its completion, or what the assistant says, is marked.

    Raises CorruptExample for a chat that the tokenizer's template refuses, or writes in such a way
    that a turn changes what stands before it.
    """
    if "messages" not in row:
        return [(row["prompt"], False), (row["completion"], True)]
    messages = row["messages"]
    found: Marked = []
    written = ""
    for turn, message in enumerate(messages):
        if message["role"] == "assistant":
            before = _rendered(tokenizer, messages[:turn], opened=True)
            found.append((_rest(before, written), False))
            written = before
        if message["role"] == "assistant" or turn == len(messages) - 1:
            after = _rendered(tokenizer, messages[: turn + 1], opened=False)
            found.append((_rest(after, written), message["role"] == "assistant"))
            written = after
    return found


def marked_ids(
    tokenizer: PreTrainedTokenizerBase, encode: Callable[[str], list[int]], row: Row
) -> tuple[list[int], list[bool]]:
    """Token ids of a whole row and whether each is marked; prompt and completion end with eos."""
    ids: list[int] = []
    marks: list[bool] = []
    if "messages" not in row and tokenizer.bos_token_id is not None and _opens(tokenizer):
        ids, marks = [tokenizer.bos_token_id], [False]
    for text, mark in marked_pieces(tokenizer, row):
        new = encode(text)
        ids += new
        marks += [mark] * len(new)
    if "messages" not in row and tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
        marks.append(True)
    return ids, marks


def _opens(tokenizer: PreTrainedTokenizerBase) -> bool:
    return list(tokenizer("").input_ids[:1]) == [tokenizer.bos_token_id]


def _rendered(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Mapping[str, Any]], opened: bool
) -> str:
    if not messages:
        return ""
    try:
        return str(
            tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=opened
            )
        )
    except Exception as error:  # whatever a template raises: jinja's errors share no root with ours
        raise CorruptExample(f"a chat that the template refuses: {error}") from error


def _rest(text: str, beginning: str) -> str:
    if not text.startswith(beginning):
        raise CorruptExample("a chat whose template rewrites earlier turns")
    return text[len(beginning) :]
