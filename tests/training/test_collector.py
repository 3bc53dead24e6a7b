"""Python's collector does not walk what the start of a run made."""

import gc
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from zoo.training.logs.log import Log
from zoo.training.progress import Progress
from zoo.training.run import fitted


def test_what_the_start_made_is_not_walked_until_the_end() -> None:
    frozen: list[int] = []
    log = Mock(spec=Log)
    fit: Any = SimpleNamespace(
        run=lambda: frozen.append(gc.get_freeze_count()),
        given_up=lambda: "",
        log=log,
        steps=1,
        progress=Progress(),
    )
    assert fitted(fit).code == 0
    assert frozen[0] > 10_000, "the modules alone are more"
    assert gc.get_freeze_count() == 0, "a process may make several runs"
