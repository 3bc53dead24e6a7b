"""A prompt with several answers as token ids: texts, or turns of chats."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from zoo.data.rows import CorruptExample, Row, Rows, Wrapped, digest
from zoo.tasks.text.chats.shapes import Turn, refuse_disorder, spoken, turns_of
from zoo.tasks.text.conversations import Marked, marked_ids, marked_turns
from zoo.tasks.text.encoding import Ids, Speller, shared

BOTH = ("chosen", "rejected")
OTHER = "other"
"""The role of an answer to another prompt, which KTO needs beside a row's own."""


class WithOthers(Wrapped):
    """Rows with the answer of another one, the next whose answer is one (behind the last the
    first), so that it is the same whichever rows are read together.
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.fingerprint = digest("with others", 2, rows.fingerprint)

    def __getitem__(self, index: int) -> Row:
        row = self.rows[index]
        for offset in range(1, len(self.rows)):
            try:
                other = self.rows.value((index + offset) % len(self.rows), "completion")
                (chat,), _ = conversations("", [other])
                refuse_disorder(chat)
            except CorruptExample:
                continue  # it is that row's fault and not this one's
            return {**row, OTHER: other}
        return {**row, OTHER: row["completion"]}


def answered(speller: Speller, prompt: Any, answers: Sequence[Any]) -> list[Marked]:
    """Each answer behind the prompt, its ids marked; `prompt` is None where answers hold their own.

    Raises CorruptExample for chats that are none, and for answers that have no prompt in common.
    """
    if isinstance(prompt, str | None) and all(isinstance(answer, str) for answer in answers):
        if prompt is None:
            prompt, answers = parted(answers)
        return [marked_ids(speller, {"prompt": prompt, "completion": one}) for one in answers]
    chats, first = conversations(prompt, answers)
    for chat in chats:
        refuse_disorder(chat)
    return [marked_turns(speller, chat, first) for chat in chats]


def parted(texts: Sequence[str]) -> tuple[str, list[str]]:
    """What several texts begin with, in whole words, and how each of them goes on."""
    alike = texts[0][: min(shared(texts[0], text) for text in texts)]
    end = max(alike.rfind(blank) for blank in " \n")
    if end < 1:
        raise CorruptExample("answers without a prompt that they share")
    return alike[:end], [text[end:] for text in texts]


def conversations(prompt: Any, answers: Sequence[Any]) -> tuple[list[list[Turn]], int]:
    """Answers as whole chats, and the place of the first turn that is an answer in each.

    A chat that begins with the user's words holds its prompt itself, and what all of them begin
    with is that prompt; a prompt that is a text is what the user says.
    """
    chats = [_turns(answer, "assistant") for answer in answers]
    own = all(chat[0]["role"] != "assistant" for chat in chats)
    if not own:
        before = [] if prompt is None else _turns(prompt, "user")
        chats = [before + chat for chat in chats]
    elif len(chats) == 1:
        raise CorruptExample("an answer that begins with another's words")
    alike = list(takewhile(_all_equal, zip(*chats, strict=False)))
    first = min(len(alike), *(len(chat) - 1 for chat in chats)) if own else len(before)
    if not first:
        raise CorruptExample("answers without a prompt that they share")
    return chats, first


def _turns(said: Any, role: str) -> list[Turn]:
    return [{"role": role, "content": said}] if isinstance(said, str) else turns_of(said)


def _all_equal(turns: Sequence[Turn]) -> bool:
    return all(turn == turns[0] for turn in turns)


def question_of(prompt: Any, answers: Sequence[Any]) -> Row:
    """What answers stand behind, as a row of its own: a prompt, or the chat up to them."""
    if all(isinstance(one, str) for one in (prompt or "", *answers)):
        return {"prompt": parted(answers)[0] if prompt is None else prompt}
    chats, first = conversations(prompt, answers)
    return {"messages": chats[0][:first]}


def fitted_alike(sides: Sequence[Marked], length: int, opening: int) -> list[Marked]:
    """Answers to one prompt as at most `length` ids each, behind the same end of the prompt.

    The prompt loses its beginning, but for `opening` ids, as far as the longest answer needs room;
    one that is too long by itself leaves it half of the length, and answers lose their ends.
    """
    starts = [marks.index(True) if True in marks else len(marks) for _, marks in sides]
    longest = max(len(ids) - start for (ids, _), start in zip(sides, starts, strict=True))
    room = length - opening - longest
    left = room if room > 0 else max(1, length // 2 - opening)
    found = []
    for (ids, marks), start in zip(sides, starts, strict=True):
        after = max(opening, start - left)
        kept = [*range(opening), *range(after, len(ids))][:length]
        found.append(([ids[at] for at in kept], [marks[at] for at in kept]))
    return found


def fitted_answers(
    speller: Speller,
    opening: Callable[[Ids], int],
    prompt: Any,
    answers: Sequence[Any],
    length: int,
) -> tuple[list[Marked], list[Marked]]:
    """Each answer behind the prompt (see `answered`): whole, and as at most `length` ids; `opening`
    tells of ids how many special ones begin them.
    """
    whole = answered(speller, prompt, answers)
    return whole, fitted_alike(whole, length, min(opening(ids) for ids, _ in whole))


def truncated(whole: Sequence[Marked], fitted: Sequence[Marked]) -> bool:
    """Whether an answer lost some of its ids."""
    pairs = zip(whole, fitted, strict=True)
    return any(sum(kept) < sum(marks) for (_, marks), (_, kept) in pairs)


def last_words(answer: Any) -> str:
    """An answer as a reader sees it: a text, or what is said last of its turns."""
    return answer if isinstance(answer, str) else spoken(turns_of(answer)[-1])


def holds_turns(values: Iterable[Any]) -> bool:
    """Whether any of a row's values is turns of a chat."""
    return any(isinstance(value, list) for value in values)


def holds_chats(sets: Sequence[Rows]) -> bool:
    """Whether the first row that can be read holds turns of a chat."""
    for rows in sets:
        for index in range(len(rows)):
            try:
                return holds_turns(rows[index].values())
            except CorruptExample:
                continue
    return False


def said(rows: Rows, roles: Sequence[str]) -> Iterator[str]:
    """Every text under `roles`, chats turn by turn; what cannot be read is left out."""
    for index in range(len(rows)):
        try:
            row = rows[index]
            for value in (row[role] for role in roles if role in row):
                turns = [] if isinstance(value, str | int) else turns_of(value)
                yield from [value] if isinstance(value, str) else []
                yield from (turn["content"] for turn in turns if "content" in turn)
        except CorruptExample:
            continue


def shifted(ids: Ids, marks: Sequence[bool], ignore: int) -> tuple[Ids, Ids]:
    """What the model reads, and the next token of each place that is a target."""
    labels = [token if mark else ignore for token, mark in zip(ids[1:], marks[1:], strict=True)]
    return ids[:-1], labels
