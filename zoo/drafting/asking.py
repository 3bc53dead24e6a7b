"""The few questions of `zoo new` on a terminal; Enter takes what stands in brackets."""

from collections.abc import Callable, Sequence

from zoo.drafting.look import Look
from zoo.drafting.places import fault
from zoo.drafting.recipes import Base, bases
from zoo.errors import near
from zoo.recipe.vocabulary.kinds import KINDS

Ask = Callable[[str, str], str]
"""Asks a question with a default and gives the answer."""
Say = Callable[[str], None]
_SHOWN = 9


def asked_kind(found: Look | None, ask: Ask, say: Say) -> str:
    """Which task: the likeliest of the data first."""
    guesses = found.guesses() if found else []
    fitting = [kind for kind in KINDS if found is None or found.fit_of_kind(kind)]
    kinds = list(dict.fromkeys([*guesses, *fitting]))
    if not kinds:
        raise nothing_suits(found)
    if len(kinds) == 1:
        say(f"task: {kinds[0]}, the one that such data is for")
        return kinds[0]
    say(f"tasks that the data may be for: {_numbered(kinds)}")
    return _chosen("which task?", kinds, ask, say)


def asked_base(kind: str, ask: Ask, say: Say) -> Base:
    """Which recipe to start from: the smallest that needs no hub, unless another is wanted."""
    fitting = [base for base in bases() if base.recipe.task.kind == kind]
    if not fitting:
        raise fault(f"the task {kind}", "one that a recipe of `zoo list` has")
    shown = {base.name: base for base in fitting}
    for number, base in enumerate(fitting[:_SHOWN], 1):
        size = f"{base.recipe.model.parameters or 0:,} parameters"
        hub = f"from {base.hub[0]} of the hub" if base.hub else "from nothing"
        say(f"  {number} {base.name}: {size}, {hub}")
    return shown[_chosen("which recipe to start from?", list(shown), ask, say)]


def _numbered(names: Sequence[str]) -> str:
    return ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))


def _chosen(question: str, names: Sequence[str], ask: Ask, say: Say) -> str:
    """The name that an answer is, or is the number of; asks until it is one."""
    while True:
        answer = ask(question, names[0])
        if answer.isdigit() and 0 < int(answer) <= len(names):
            return names[int(answer) - 1]
        if answer in names:
            return answer
        nearest = near(answer, names)
        meant = f"; did you mean {nearest}?" if nearest else ""
        say(f"{answer!r} is none of them: a name, or a number from 1 to {len(names)}{meant}")


def nothing_suits(found: Look | None) -> Exception:
    """The fault of data that no recipe is for."""
    columns = ", ".join(found.columns) if found else ""
    told = f"columns {columns}" if columns else "data that is not looked into"
    allowed = (
        "--from RECIPE, one that `zoo list` shows; columns are named by data.columns.ROLE=NAME"
    )
    return fault(f"{told}, which tell no task", allowed)
