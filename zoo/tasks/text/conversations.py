"""Prompts with completions, and chats, as token ids with a mark on every target."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from zoo.data.rows import CorruptExample, Row
from zoo.tasks.text.encoding import Ids, Speller, frame_of, shared

Turn = dict[str, Any]
Marked = tuple[Ids, list[bool]]
"""Token ids of a whole row, and for each whether it is a target."""

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")  # transformers' mark for the assistant


def marked_ids(speller: Speller, row: Row) -> Marked:
    """A row's ids, those of its whole text encoded at once, its completion or what the assistant
    says marked.

    A prompt with its completion stands between the special tokens that the tokenizer puts around a
    text, and ends with its end of text; a chat is what `apply_chat_template(tokenize=True)` gives.
    Raises CorruptExample for a chat that is none, or that the template refuses.
    """
    if "messages" in row:
        return _marked_chat(speller, turns_of(row["messages"]))
    prompt, completion = row["prompt"], row["completion"]
    span = (len(prompt), len(prompt) + len(completion))
    ids, marks = speller.marked(prompt + completion, [span], framed=True)
    end = speller.tokenizer.eos_token_id
    if end is not None and ids[-1:] != [end]:
        ids, marks = [*ids, end], [*marks, True]
    elif ids and end is not None:
        marks[-1] = True
    return ids, marks


def opening_of(tokenizer: PreTrainedTokenizerBase, chats: bool) -> Callable[[Ids], int]:
    """How many special ids begin a row: the tokenizer's own, of a chat its template's first."""
    before, first = frame_of(tokenizer)[0], tokenizer.bos_token_id
    if chats:
        return lambda ids: int(first is not None and ids[:1] == [first])
    return lambda ids: len(before)


def fitted(ids: Ids, marks: list[bool], length: int, opening: int = 0) -> Marked:
    """At most `length` ids of a row that may have more.

    The prompt, what stands before the first target, loses its beginning (but not the first
    `opening` ids, which are special) as far as the first completion needs room; a completion that
    is too long by itself loses its end and leaves the prompt half of the length. What then still
    stands beyond the length is cut.
    """
    first = marks.index(True) if True in marks else len(marks)
    end = marks.index(False, first) if False in marks[first:] else len(marks)
    if len(ids) > length and first < len(marks) and end > length:
        room = length - opening - (end - first)
        left = room if room > 0 else max(1, length // 2 - opening)
        after = max(opening, first - left)
        ids, marks = ids[:opening] + ids[after:], marks[:opening] + marks[after:]
    return ids[:length], marks[:length]


def turns_of(messages: Any) -> list[Turn]:
    """A chat as templates take it: a list of messages with `role` and `content`, a text.

    A text that holds such a list as JSON is read, and a content of several texts is joined. Raises
    CorruptExample for all else.
    """
    if isinstance(messages, str):
        try:
            messages = json.loads(messages)
        except ValueError as error:
            raise CorruptExample(f"a chat that is a text, and no JSON ({error})") from None
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise CorruptExample("a chat that is no list of messages")
    return [_turn(message) for message in messages]


def _turn(message: Any) -> Turn:
    if not isinstance(message, Mapping):
        raise CorruptExample(f"a message that is a {type(message).__name__}, not an object")
    turn = {key: value for key, value in message.items() if value is not None}
    if not isinstance(turn.get("role"), str):
        names = ", ".join(sorted(map(str, turn)))
        raise CorruptExample(f"a message of {names}; role and content are wanted")
    if "tool_calls" not in turn or "content" in turn:
        turn["content"] = _content(turn.get("content"))
    return turn


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping) or not isinstance(content, Sequence):
        raise CorruptExample(f"a message whose content is a {type(content).__name__}, not a text")
    parts = [{"text": part} if isinstance(part, str) else part for part in content]
    for part in parts:
        known = isinstance(part, Mapping) and part.get("type", "text") == "text"
        if not known or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise CorruptExample(f"a message with a part of type {kind}; texts are wanted")
    return "".join(part["text"] for part in parts)


def _marked_chat(speller: Speller, turns: list[Turn]) -> Marked:
    tokenizer = speller.tokenizer
    template = str(tokenizer.get_chat_template())
    if tokenizer.is_fast and _GENERATION.search(template):
        return _marked_by_template(tokenizer, turns)
    return marked_turns(speller, turns)


def marked_turns(speller: Speller, turns: list[Turn], first: int = 0) -> Marked:
    """A chat's ids, what the assistant says from turn `first` on marked; see `marked_ids`."""
    tokenizer = speller.tokenizer
    whole = _rendered(tokenizer, turns)
    spans = [
        _span(tokenizer, turns[: place + 1], whole)
        for place, turn in enumerate(turns)
        if turn["role"] == "assistant" and place >= first
    ]
    return speller.marked(whole, spans, framed=False)


def _marked_by_template(tokenizer: PreTrainedTokenizerBase, turns: list[Turn]) -> Marked:
    """The marks of a template that says itself what the assistant writes."""
    try:
        found = tokenizer.apply_chat_template(
            turns, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
    except Exception as error:
        raise CorruptExample(f"a chat that the template refuses: {error}") from error
    return list(found["input_ids"]), [bool(mark) for mark in found["assistant_masks"]]


def _span(tokenizer: PreTrainedTokenizerBase, turns: list[Turn], whole: str) -> tuple[int, int]:
    """Where the last of some turns stands in the whole chat, from where it is the assistant's to
    speak on, its end mark included.

    A template may write a turn otherwise once others follow (thoughts are left out then): what is
    still there is the longest end of it. Raises CorruptExample where that is not the answer.
    """
    opened = _rendered(tokenizer, turns[:-1], opened=True) if turns[:-1] else ""
    alone = _rendered(tokenizer, turns)
    if not (whole.startswith(opened) and alone.startswith(opened)):
        closed = _rendered(tokenizer, turns[:-1])
        opened = whole[: min(shared(opened, whole), shared(opened, alone))]
        if len(opened) < len(closed):
            raise CorruptExample("a chat whose template rewrites what stands before an answer")
    said, rest = alone[len(opened) :], whole[len(opened) :]
    kept = next((said[at:] for at in range(len(said)) if rest.startswith(said[at:])), "")
    words = turns[-1].get("content", "").split()
    if words and words[-1] not in kept:
        raise CorruptExample("a chat whose template rewrites earlier answers")
    return len(opened), len(opened) + len(kept)


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: list[Turn], opened: bool = False) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opened)
        )
    except Exception as error:  # whatever a template raises: jinja's errors share no root with ours
        raise CorruptExample(f"a chat that the template refuses: {error}") from error
