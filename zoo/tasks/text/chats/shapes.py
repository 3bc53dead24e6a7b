"""The shapes that chats come in: OpenAI's messages, ShareGPT's, and Alpaca's columns."""

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from zoo.data.rows import CorruptExample, Row

Turn = dict[str, Any]
"""A message as templates take it: `role`, and `content` or `tool_calls`."""

SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
    "ipython": "tool",
}
"""Who speaks, by what ShareGPT, LLaMA-Factory and others call them."""
_CALLS = ("function_call", "tool_call")  # a turn of the assistant that is calls of tools, as JSON
_FIRST = ("system", "developer")
FOLLOWS = {"user": ("", "assistant"), "assistant": ("user", "tool"), "tool": ("assistant", "tool")}
"""Whom each of these may follow; others, which templates may know, may stand anywhere."""


def holds_chats(roles: Collection[str]) -> bool:
    """Whether rows of these roles are chats."""
    return "messages" in roles or "instruction" in roles


def chat_of(row: Row) -> tuple[list[Turn], list[Any] | None] | None:
    """The turns of a row, and the tools that may be called in it; None where it holds no chat.

    What an instruction is about stands below it, in what the user says, and by itself under
    `instruction` and `input`. Raises CorruptExample for a chat that is none.
    """
    if "messages" in row:
        return turns_of(row["messages"]), tools_of(row.get("tools"))
    if "instruction" not in row:
        return None
    asked, about = row["instruction"], row.get("input")
    turn = {"role": "user", "content": f"{asked}\n\n{about}" if about else asked}
    turn |= {"instruction": asked, "input": about} if about else {}
    answers = [{"role": "assistant", "content": row["output"]}] if "output" in row else []
    return [turn, *answers], None


def tools_of(tools: Any) -> list[Any] | None:
    """What may be called: a list of functions, or one as JSON. Raises CorruptExample."""
    found = _parsed(tools, "tools") if isinstance(tools, str) else tools
    if found is not None and (isinstance(found, str | Mapping) or not isinstance(found, Sequence)):
        raise CorruptExample(f"tools that are a {type(found).__name__}, not a list")
    return list(found) if found else None


def turns_of(messages: Any) -> list[Turn]:
    """A chat as templates take it: a list of messages with `role` and `content`, a text.

    A text that holds such a list as JSON is read, ShareGPT's `from` and `value` are renamed, and a
    content of several texts is joined. Raises CorruptExample for all else.
    """
    if isinstance(messages, str):
        messages = _parsed(messages, "a chat")
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise CorruptExample("a chat that is no list of messages")
    return [_turn(message) for message in messages]


def refuse_disorder(turns: Sequence[Turn]) -> None:
    """Raises CorruptExample where turns do not follow each other as in a talk: the system first if
    it speaks, then the user, and then the assistant, who may hear of tools before it goes on.
    """
    roles = [str(turn["role"]) for turn in turns]
    spoken = roles[1:] if roles[0] in _FIRST else roles
    for place, (before, now) in enumerate(pairwise(["", *spoken]), len(roles) - len(spoken) + 1):
        wrong = now in FOLLOWS and before in ("", *FOLLOWS) and before not in FOLLOWS[now]
        if wrong or now in _FIRST:
            said = f"{now} after {before}" if before else f"{now} first"
            raise CorruptExample(
                f"a chat in a wrong order: message {place} is {said}; the user begins, user and "
                "assistant take turns, and a system message stands before all"
            )


def unanswered(turns: Sequence[Turn]) -> tuple[list[Turn], str]:
    """A chat up to its last answer in words, and that answer. Raises CorruptExample."""
    answers = [
        n for n, one in enumerate(turns) if one["role"] == "assistant" and one.get("content")
    ]
    if not answers or not answers[-1]:
        raise CorruptExample("a chat without an answer")
    return list(turns[: answers[-1]]), str(turns[answers[-1]]["content"])


def spoken(turn: Turn) -> str:
    """What is said in a turn, or called."""
    return str(turn.get("content") or json.dumps(turn.get("tool_calls", "")))


def _turn(message: Any) -> Turn:
    if not isinstance(message, Mapping):
        raise CorruptExample(f"a message that is a {type(message).__name__}, not an object")
    turn = {key: value for key, value in message.items() if value is not None}
    if "role" not in turn and isinstance(turn.get("from"), str):
        said = {"role": turn.pop("from"), "content": turn.pop("value", None)}
        turn = {**turn, **said}
    if not isinstance(turn.get("role"), str):
        names = ", ".join(sorted(map(str, turn)))
        raise CorruptExample(f"a message of {names}; role and content are wanted")
    if turn["role"] in _CALLS:
        called = _parsed(turn.pop("content", None), "calls of tools")
        called = called if isinstance(called, list) else [called]
        turn |= {"role": "assistant", "tool_calls": called}
    turn["role"] = SPEAKERS.get(turn["role"], turn["role"])
    if "tool_calls" in turn:
        turn["tool_calls"] = [_call(one) for one in _listed(turn["tool_calls"])]
    if not turn.get("tool_calls") or "content" in turn:
        turn["content"] = _content(turn.get("content"))
    return turn


def _call(call: Any) -> dict[str, Any]:
    """A call as templates take it: of a name, its arguments an object and not JSON."""
    named = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(named, Mapping) or not isinstance(named.get("name"), str):
        raise CorruptExample("a call of a tool without a name")
    given = named.get("arguments", named.get("parameters"))
    if isinstance(given, str):
        given = _parsed(given, "the arguments of a tool") if given.strip() else {}
    done = {"name": named["name"], "arguments": {} if given is None else given}
    kept = {key: value for key, value in call.items() if key in ("id", "type") and value}
    return {"type": "function", **kept, "function": done}


def _listed(calls: Any) -> Sequence[Any]:
    if isinstance(calls, str) or not isinstance(calls, Sequence):
        raise CorruptExample(f"tool_calls that are a {type(calls).__name__}, not a list")
    return calls


def _parsed(text: Any, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError) as error:
        raise CorruptExample(f"{what} that is a text, and no JSON ({error})") from None


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
