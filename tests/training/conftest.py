"""What tests of whole runs share: which reference runs the session needs."""

from collections.abc import Callable
from typing import Any

import pytest

Chosen = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def chosen(request: pytest.FixtureRequest) -> Chosen:
    """chosen(*names): the values of these parameters in the module's tests that will run, once.

    A fixture of several reference runs trains with it what is needed and no more.
    """

    def values(*names: str) -> list[tuple[Any, ...]]:
        here = [item for item in request.session.items if item.path == request.path]
        found = [item.callspec.params for item in here if hasattr(item, "callspec")]
        return list({tuple(p[n] for n in names): 0 for p in found if set(names) <= p.keys()})

    return values
