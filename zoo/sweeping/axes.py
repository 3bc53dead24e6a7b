"""Which words of a sweep hold values to try, and which a list that is a value itself."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.recipe import load_recipe
from zoo.recipe.checks.ways_out import word_of
from zoo.recipe.compose.words import Asked, compose, word_value
from zoo.recipe.provenance import TYPED, split_key
from zoo.recipe.spec.sections import NULL_IS_A_VALUE


@dataclass(frozen=True)
class Axis:
    """A key whose values are tried: where its word stands among all, and a word for each value."""

    place: int
    key: str
    words: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as they are typed."""
        return tuple(word.partition("=")[2] for word in self.words)


def axes_of(recipe: str, words: Sequence[str], tiny: bool) -> list[Axis]:
    """The words whose lists are tried, in order; ConfigError where one has a value twice.

    A list that its key takes is its value (`betas=[0.9,0.99]`); lists of such lists are tried. What
    `model.config` and `model.processor` take nobody knows: there a list is the value of a key that
    holds one already.
    """
    tried = {place: found for place, word in enumerate(words) if (found := _each(word))}
    first = [tried[place][0] if place in tried else word for place, word in enumerate(words)]

    def takes(place: int, word: str) -> bool:
        others = [*first[:place], word, *first[place + 1 :]]
        try:
            load_recipe(recipe, others, tiny)
        except ConfigError as error:
            return not any(fault.file == f"{TYPED}{word}" for fault in error.faults)
        return not _open(word) or _holds_list(recipe, first[:place], tiny, word)

    axes = []
    for place, found in tried.items():
        if not takes(place, words[place]) and any(takes_one(takes, place, one) for one in found):
            axes.append(Axis(place, words[place].partition("=")[0], tuple(found)))
    twice = [axis for axis in axes if len(set(axis.words)) < len(axis.words)]
    if twice:
        raise ConfigError(
            [
                Fault(f"{TYPED}{words[one.place]}", one.key, "a value twice", "each value once")
                for one in twice
            ]
        )
    return axes


def faults_of_lists(recipe: str, words: Sequence[str], tiny: bool) -> list[Fault]:
    """What is wrong with words that hold lists whose values no key takes; lists are proposed."""
    tried = {place: found for place, word in enumerate(words) if (found := _each(word))}
    first = [tried[place][0] if place in tried else word for place, word in enumerate(words)]
    of_lists = {f"{TYPED}{found[0]}": words[place] for place, found in tried.items()}
    try:
        load_recipe(recipe, first, tiny)
    except ConfigError as error:
        return [_of_list(fault, of_lists.get(fault.file, "")) for fault in error.faults]
    return []


def _of_list(fault: Fault, word: str) -> Fault:
    """The fault of a value as one of the word that holds it in a list."""
    meant = shlex.split(fault.nearest)
    if not word or not meant:
        return fault
    key, lists = meant[0].partition("=")[0], word.partition("=")[2]
    if key == word.partition("=")[0]:
        way = f"{fault.nearest} --seeds 3"
    else:
        way = shlex.join((f"{key}={lists}",)) if "=" in meant[0] else fault.nearest
    return replace(fault, file=f"{TYPED}{word}", nearest=way)


def takes_one(takes: Any, place: int, word: str) -> bool:
    """Whether a key takes one of the values; an open map takes any."""
    return _open(word) or takes(place, word)


def _each(word: str) -> list[str]:
    """A word for each value of a word's list; none where it holds no list."""
    key, equals, text = word.partition("=")
    try:
        value = word_value(text, f"{TYPED}{word}") if equals else None
    except ConfigError:
        return []  # said where the recipe is read
    return [word_of((key,), one) for one in value] if isinstance(value, list) else []


def _open(word: str) -> bool:
    return any(word.startswith(f"{'.'.join(path)}.") for path in NULL_IS_A_VALUE)


def _holds_list(recipe: str, words: Sequence[str], tiny: bool, word: str) -> bool:
    composed = compose(Asked(recipe, tuple(words), tiny))
    return isinstance(composed.composition.get(split_key(word.partition("=")[0])), list)
