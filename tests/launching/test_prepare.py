"""Processes of a launch share the preparation of data, and train nothing."""

from pathlib import Path

import pytest

from zoo.launching.commands import command
from zoo.launching.processes import Processes


@pytest.mark.parametrize("how", ["torchrun", "accelerate", "deepspeed"])
def test_every_launcher_may_start_the_verb_that_prepares(how: str) -> None:
    argv = command(
        "r.json", how, Processes(1, 2, cpu=True), changes=["run.steps=3"], verb="prepare"
    )
    assert argv[-3:] == ["prepare", "r.json", "run.steps=3"]


def test_slurms_script_is_told_the_verb_and_trains_without() -> None:
    told = command("r.json", "slurm", Processes(2, 2), verb="prepare")
    assert "--export=ALL,ZOO_VERB=prepare" in told
    assert not [word for word in command("r.json", "slurm", Processes(2, 2)) if "ZOO_VERB" in word]
    script = Path(told[-2]).read_text()
    assert 'zoo "${ZOO_VERB:-train}" "$@"' in script
