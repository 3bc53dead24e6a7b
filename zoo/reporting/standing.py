"""How a run stands against what was wanted of it: its expected scores, and how one that ended
before its time goes on.
"""

import shlex

from zoo.reporting.facts import state_of
from zoo.reporting.reading import Run
from zoo.telling.expected import Verdict


def expected_lines(run: Run) -> list[tuple[str, str]]:
    """A line on each score that the recipe expects, once the run was exported, with how it stands:
    `right` or `wrong`.
    """
    found = run.status.get("expected")
    if not isinstance(found, dict):
        return []
    lines = []
    for score, one in found.items():
        verdict = Verdict(score, one.get("value"), one.get("low"), one.get("high"))
        lines.append(("right" if verdict.inside else "wrong", f"{score}: {verdict}"))
    return lines


def way_on(run: Run) -> str:
    """The command by which a run that did not come to its end goes on; empty for others."""
    if not state_of(run).startswith(("failed", "stopped", "killed", "crashed")):
        return ""
    processes = (run.happened("start") or [{}])[-1].get("processes", 1)
    verb = "zoo train" if processes == 1 else f"torchrun --nproc-per-node {processes} -m zoo train"
    return f"{verb} {shlex.quote(str(run.root))}"


def parameters_of(run: Run) -> str:
    """How many parameters the model has, and how many of them are trained if not all."""
    starts = run.happened("start")
    if not starts:
        return ""
    whole = int(starts[-1].get("parameters", 0))
    trained = int(starts[-1].get("trained", whole))
    return f"{whole:,}" if trained == whole else f"{whole:,}, {trained:,} trained"
