"""What a message proposes, after it was tried: the fault goes away and no other comes."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.errors import Fault
from zoo.recipe.checks.judge import NOTHING, Verdict, judged
from zoo.recipe.checks.keys import RULED_BY_ANOTHER, UNKNOWN
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.checks.steps import steps
from zoo.recipe.checks.ways_out import (
    Words,
    ways_back,
    ways_of_key,
    ways_of_nothing,
    ways_of_others,
    ways_of_value,
    word_of,
)
from zoo.recipe.compose.catalog import shown
from zoo.recipe.compose.json_text import brief
from zoo.recipe.compose.merge import UNSET
from zoo.recipe.compose.words import Asked, Composed, compose
from zoo.recipe.provenance import TYPED, Key, located, split_key
from zoo.recipe.recipe import Recipe

MOST_TRIES = 60
"""In all: beyond it messages propose nothing, so that a file of faults is answered at once."""
DEEPEST = 3
"""How often words may make further ones necessary."""


def hinted(composed: Composed, verdict: Verdict) -> list[Fault]:
    """The faults, each with words that mend it where some were found, and why a value is gone."""
    left = MOST_TRIES
    typed = composed.typed.faults(composed.composition)
    found = []
    for fault in verdict.faults:
        nearest = ""
        path = _path(composed, fault) if left else ()
        ways = _ways(composed, verdict, fault, path) if left else iter(())
        for words in [tuple(shlex.split(fault.nearest))] if fault in typed else ways:
            left -= 1
            nearest = shlex.join(_mends(composed, verdict, fault, path, words))
            if nearest or left <= 0:
                break
        nearest = nearest or _explained(composed, fault)
        found.append(_dropped(composed, replace(fault, nearest=nearest)))
    return found


def _explained(composed: Composed, fault: Fault) -> str:
    """The command that tells what the keys beside one mean, which was typed and is like none."""
    begin, end = _typed(composed.asked.changes, fault)
    if fault.found != UNKNOWN or begin == end:
        return ""
    around, recipe = fault.key.rpartition(".")[0], composed.asked.path
    recipe = shown(Path(recipe)) if Path(recipe).is_absolute() else recipe
    twin = ["--tiny"] if composed.asked.tiny else []
    verb = ["explain", recipe, around] if around else ["show", recipe]
    return shlex.join(("zoo", *verb, *twin))


def mended(asked: Asked, verdict: Verdict, fault: Fault, path: Key, words: Words) -> Asked:
    """What would be asked with words in the place of what a fault is about.

    They follow all others where a file is wrong, or a rule broken; else they stand where the word
    stood that is wrong. Words that a later one undid follow it.
    """
    begin, end = _typed(asked.changes, fault)
    if fault in verdict.broken or begin == end:
        renamed = fault.found in (UNKNOWN, RULED_BY_ANOTHER) and not _unsets(words)
        changes = (*asked.changes, *words)
        return replace(asked, changes=changes, without=path if renamed else asked.without)
    rest = tuple(word for word in asked.changes if word not in words)
    begin, end = _typed(rest, fault)
    return replace(asked, changes=(*rest[:begin], *words, *rest[end:]))


def _typed(changes: Words, fault: Fault) -> tuple[int, int]:
    """Where among words those begin and end that a fault is of, which may be typed apart."""
    typed = fault.file.removeprefix(TYPED)
    for words in ((typed,), tuple(typed.split(" "))):
        for begin in range(len(changes)):
            end = begin + len(words)
            if changes[begin:end] == words:
                return begin, end
    return len(changes), len(changes)


def _unsets(words: Words) -> bool:
    return all(word.endswith(f"={UNSET}") for word in words)


def _ways(composed: Composed, verdict: Verdict, fault: Fault, path: Key) -> Iterator[Words]:
    """What could mend a fault."""
    data = composed.composition.data
    if fault.found.startswith(NOTHING):
        yield from _said_before(composed, path)
    if fault in verdict.broken and verdict.seen is not None:
        yield from _ways_of_rule(verdict.broken[fault], verdict.seen)
    elif "=" in fault.nearest:
        yield (fault.nearest,)
    elif fault.found in (UNKNOWN, RULED_BY_ANOTHER):
        yield from ways_of_key(fault, path, data)
        if _typed(composed.asked.changes, fault)[0] == len(composed.asked.changes):
            yield (word_of(path, UNSET),)
    elif fault.found == NOTHING:
        yield from ways_of_nothing(path, data)
        yield from ways_of_others(path, data)
    else:
        yield from ways_of_value(fault, path, data)
        yield from ways_back(path, data, _before(composed, fault, path))
        yield from ways_of_others(path, data)


def _before(composed: Composed, fault: Fault, path: Key) -> Any:
    """What stood at a path before the word that is wrong was typed, or None."""
    changes = composed.asked.changes
    begin, end = _typed(changes, fault)
    if begin == end:
        return None
    before = compose(replace(composed.asked, changes=(*changes[:begin], *changes[end:])))
    named = before.composition.fragments.get(path[0]) if len(path) == 1 else None
    return named or before.composition.get(path)


def _said_before(composed: Composed, path: Key) -> Iterator[Words]:
    """The word for a value that fell away."""
    for drop in reversed(composed.composition.drops):
        value = drop.value
        for name in path[len(drop.key) :] if path[: len(drop.key)] == drop.key else ("",):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            yield (word_of(path, value),)


def _ways_of_rule(rule: Rule, recipe: Recipe) -> Iterator[Words]:
    """A rule's own proposal, then the changes of layout, precision and optimizer."""
    own = rule.nearest if isinstance(rule.nearest, str) else rule.nearest(recipe)
    if own:
        yield tuple(shlex.split(own))
    for words, changed in steps(recipe):
        if not rule.found(changed):
            yield words


def _mends(composed: Composed, verdict: Verdict, fault: Fault, path: Key, words: Words) -> Words:
    """The words if they mend a fault, with what they make necessary in turn; else none."""
    before = {(one.key, one.found) for one in verdict.faults}
    for _ in range(DEEPEST):
        trial = compose(mended(composed.asked, verdict, fault, path, words))
        after = judged(trial)
        left = {(one.key, one.found) for one in after.faults}
        if (fault.key, fault.found) in left:
            return ()
        new = [one for one in after.faults if (one.key, one.found) not in before]
        if not new:
            return words
        further = next(_ways(trial, after, new[0], _path(trial, new[0])), None)
        if further is None:
            return ()
        words = (*words, *further)
    return ()


def _path(composed: Composed, fault: Fault) -> Key:
    return located(composed.composition.data, fault.key) or split_key(fault.key)


def _dropped(composed: Composed, fault: Fault) -> Fault:
    """A fault of a missing key that says why it is missing, if it was there."""
    if not fault.found.startswith(NOTHING):
        return fault
    for drop in composed.composition.drops:
        if fault.key.startswith(".".join(drop.key)):
            said = (
                f"{fault.found}: {brief(drop.value)} of {drop.origin} fell away, as {drop.because}"
            )
            return replace(fault, found=said)
    return fault
