"""Prompts with completions, and chats, as token ids with a mark on every target."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from zoo.data.rows import CorruptExample, Row
from zoo.tasks.text.chats.shapes import Turn, chat_of, refuse_disorder
from zoo.tasks.text.encoding import Ids, Speller, frame_of, shared

Tools = Sequence[Any] | None
Marked = tuple[Ids, list[bool]]
"""Token ids of a whole row, and for each whether it is a target."""

_REWRITES = "a chat whose template rewrites"
_WAY_OUT = "{% generation %} and {% endgeneration %} in it would say what the assistant writes"
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")  # transformers' mark for the assistant


def marked_ids(speller: Speller, row: Row) -> Marked:
    """A row's ids, those of its whole text encoded at once, its completion or what the assistant
    says marked.

    A prompt with its completion stands between the special tokens that the tokenizer puts around a
    text, and ends with its end of text; a chat is what `apply_chat_template(tokenize=True)` gives.
    Raises CorruptExample for a chat that is none or in disorder, or that the template refuses.
    """
    chat = chat_of(row)
    if chat is not None:
        refuse_disorder(chat[0])
        return _marked_chat(speller, *chat)
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


def _marked_chat(speller: Speller, turns: list[Turn], tools: Tools) -> Marked:
    tokenizer = speller.tokenizer
    template = str(tokenizer.get_chat_template())
    if "tool" not in template and (tools or any("tool_calls" in turn for turn in turns)):
        raise CorruptExample("a chat with tools, of which the chat template says nothing")
    if tokenizer.is_fast and _GENERATION.search(template):
        return _marked_by_template(tokenizer, turns, tools)
    return marked_turns(speller, turns, tools=tools)


def marked_turns(
    speller: Speller, turns: list[Turn], first: int = 0, tools: Tools = None
) -> Marked:
    """A chat's ids, what the assistant says from turn `first` on marked; see `marked_ids`."""
    whole = rendered(speller.tokenizer, turns, tools)
    spans = [
        _span(speller.tokenizer, turns[: place + 1], tools, whole)
        for place, turn in enumerate(turns)
        if turn["role"] == "assistant" and place >= first
    ]
    return speller.marked(whole, spans, framed=False)


def _marked_by_template(
    tokenizer: PreTrainedTokenizerBase, turns: list[Turn], tools: Tools
) -> Marked:
    """The marks of a template that says itself what the assistant writes."""
    try:
        found = tokenizer.apply_chat_template(
            turns, tools, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
    except Exception as error:
        raise CorruptExample(f"a chat that the template refuses: {error}") from error
    return list(found["input_ids"]), [bool(mark) for mark in found["assistant_masks"]]


def _span(
    tokenizer: PreTrainedTokenizerBase, turns: list[Turn], tools: Tools, whole: str
) -> tuple[int, int]:
    """Where the last of some turns stands in the whole chat, from where it is the assistant's to
    speak on, its end mark included.

    A template may write a turn otherwise once others follow (thoughts are left out then): what is
    still there is the longest end of it. Raises CorruptExample where that is not the answer.
    """
    opened = rendered(tokenizer, turns[:-1], tools, opened=True) if turns[:-1] else ""
    alone = rendered(tokenizer, turns, tools)
    if not (whole.startswith(opened) and alone.startswith(opened)):
        closed = rendered(tokenizer, turns[:-1], tools)
        opened = whole[: min(shared(opened, whole), shared(opened, alone))]
        if len(opened) < len(closed):
            raise CorruptExample(f"{_REWRITES} what stands before an answer; {_WAY_OUT}")
    said, rest = alone[len(opened) :], whole[len(opened) :]
    kept = next((said[at:] for at in range(len(said)) if rest.startswith(said[at:])), "")
    words = turns[-1].get("content", "").split()
    if words and words[-1] not in kept:
        raise CorruptExample(f"{_REWRITES} earlier answers; {_WAY_OUT}")
    return len(opened), len(opened) + len(kept)


def rendered(
    tokenizer: PreTrainedTokenizerBase, turns: list[Turn], tools: Tools = None, opened: bool = False
) -> str:
    """The text of a chat, with `opened` up to where the assistant is to speak next. Raises
    CorruptExample where the template refuses it.
    """
    try:
        return str(
            tokenizer.apply_chat_template(
                turns, tools, tokenize=False, add_generation_prompt=opened
            )
        )
    except Exception as error:  # whatever a template raises: jinja's errors share no root with ours
        raise CorruptExample(f"a chat that the template refuses: {error}") from error
