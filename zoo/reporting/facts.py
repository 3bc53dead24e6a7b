"""What a report says of a run in words and numbers: its state, scores, time, surroundings."""

import shlex
import socket
import time
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

from zoo.recipe.vocabulary.kinds import KINDS, Kind, kind_named
from zoo.reporting.reading import Curve, Run
from zoo.telling.page import Table
from zoo.training.disk.lease import STALE

SCORES = "valid/"
"""How the keys of scores begin."""
_BEAT = 4 * STALE
"""Seconds without a sign of life after which a run that says that it runs is dead."""


def state_of(run: Run) -> str:
    """How the run stands, in a sentence."""
    status = run.status
    state, step = status.get("state", "unknown"), status.get("step")
    where = "" if step is None else f" at step {step:,}"
    if state in ("starting", "running"):
        known = [step or 0, *run.curves.get("loss", Curve()).steps[-1:]]  # heartbeats lag behind
        where = f" at step {max(known):,}" if any(known) else where
        silent = time.time() - float(status.get("at", 0))
        if silent > _BEAT or _dead(status):
            return f"killed{where}: it said nothing more after {moment(status.get('at'))}"
        return f"running{where}"
    why = str(status.get("error") or status.get("early") or "")
    code = status.get("exit_code")
    ended = f" with exit code {code}" if code else ""
    return f"{state}{where}{ended}" + (f": {why}" if why else "")


def _dead(status: dict[str, Any]) -> bool:
    """Whether the process that wrote it was one of this machine, and is gone."""
    processes = Path("/proc")
    here = status.get("host") == socket.gethostname() and processes.is_dir()
    return here and not (processes / str(status.get("pid"))).is_dir()


def lives(run: Run) -> bool:
    """Whether more is to be expected of it."""
    return state_of(run).startswith("running")


def moment(seconds: Any) -> str:
    """A time of day in UTC."""
    if not isinstance(seconds, int | float):
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def span(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s"


def number(value: Any) -> str:
    """A number as a table shows it."""
    if value is None:
        return "not finite"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


@dataclass(frozen=True)
class Scored:
    """A score of a run: the last, the best with its step where one way is better, what it means."""

    last: float | None
    best: float | None
    step: int
    larger: bool | None
    meaning: str = ""


def scores_of(run: Run) -> dict[str, Scored]:
    """Every score that the run has, the headline first."""
    kind = kind_in(run)
    found = {}
    for key, curve in run.curves.items():
        known = [(v, s) for v, s in zip(curve.values, curve.steps, strict=True) if v is not None]
        if not key.startswith(SCORES):
            continue
        named = kind.named(key) if kind else None
        larger = named.larger_is_better if named and named.wanted else None
        value, step = known[-1] if known else (None, curve.steps[-1])
        if known and larger is not None:
            order = max if larger else min
            value, step = order(known, key=itemgetter(0))
        meaning = named.doc if named else ""
        found[key] = Scored(curve.values[-1], value, step, larger, meaning)
    first = headline(run)
    return dict(sorted(found.items(), key=lambda item: item[0] != first))


def kind_name(run: Run) -> str:
    """The kind of its task."""
    return str(run.recipe.get("task", {}).get("kind", "unknown"))


def kind_in(run: Run) -> Kind | None:
    """The entry of its kind with what its problem changes in it; None of one that is not known."""
    task, name = run.recipe.get("task", {}), kind_name(run)
    words = [str(task.get(key, "")) for key in ("problem", "loss")]
    return kind_named(name, *words) if name in KINDS else None


def headline(run: Run) -> str:
    """The score that tells the best checkpoint; empty where the run has none."""
    chosen = run.recipe.get("run", {}).get("best_metric")
    kind = kind_in(run)
    wanted = f"/{kind.headline}" if kind else "/loss"
    keys = [key for key in run.curves if key.startswith(SCORES)]
    return chosen if chosen in keys else next((k for k in keys if k.endswith(wanted)), "")


def time_of(run: Run) -> dict[str, float]:
    """Seconds by what they went to, and the rest of those between starts and ends."""
    begun = [one["step"] for one in run.happened("start")]
    data, whole = _spent(run.curves, begun)
    again = _spent(run.given_up, begun)[1]
    ends: dict[str, float] = {}
    for name in ("start", "evaluation", "checkpoint", "export"):
        ends[name] = sum(float(one.get("seconds", 0)) for one in run.happened(name))
    found = {
        "computing steps": max(whole - data, 0.0),
        "waiting for data": data,
        "evaluation": ends["evaluation"],
        "saving": ends["checkpoint"],
        "starting (data, model)": ends["start"],
        "export": ends["export"],
        "steps that a resume made again": again,
    }
    found = {name: seconds for name, seconds in found.items() if seconds}
    rest = wall(run) - sum(found.values())
    return found | ({"other": rest} if rest > 0.5 else {})


def _spent(curves: dict[str, Curve], begun: list[int]) -> tuple[float, float]:
    """Seconds of waiting for data, and of steps in all, by the rows of training, each of which is
    of the steps since the one before or since the start (`begun` holds their steps) after that.
    """
    whole = data = 0.0
    steps = curves.get("step_seconds", Curve())
    waits = dict(zip(*_pair(curves.get("data_seconds", Curve())), strict=True))
    for (before, _), (step, seconds) in pairwise([(0, 0.0), *zip(*_pair(steps), strict=True)]):
        since = max((one for one in (before, *begun) if one < step), default=step)
        count = step - since
        whole += (seconds or 0.0) * count
        data += (waits.get(step) or 0.0) * count
    return data, whole


def _pair(curve: Curve) -> tuple[list[int], list[float | None]]:
    return curve.steps, curve.values


def wall(run: Run) -> float:
    """Seconds from each start to the last that is known of it, added up."""
    total, begun, last = 0.0, None, 0.0
    for one in run.events:
        if one["event"] == "start":
            total += 0.0 if begun is None else last - begun
            begun = float(one["at"]) - float(one.get("seconds", 0))
        last = float(one["at"])
    last = max(last, float(run.status.get("at", 0)))
    return total if begun is None else total + last - begun


def surroundings(run: Run) -> Table:
    """A row a fact of how and where the run ran, a column a start; of many the first and the last.

    Batch, precision and sharding are those of the recipe, as the last start left it.
    """
    starts = run.happened("start")
    shown = starts if len(starts) <= 4 else [starts[0], *starts[-3:]]
    heads = ["fact", *(f"start at step {one['step']:,}" for one in shown)]
    facts = [_facts(one, _chosen(run.recipe) if one is shown[-1] else {}) for one in shown]
    names = list(dict.fromkeys(name for one in reversed(facts) for name in one))
    return heads, [[name, *(one.get(name, "") for one in facts)] for name in names]


def _facts(start: dict[str, Any], chosen: dict[str, str]) -> dict[str, str]:
    versions, processes = start.get("versions", {}), start.get("processes", "")
    known = {
        "at": moment(start.get("at")),
        "processes": str(processes),
        "layout": "" if processes == 1 else start.get("layout", ""),
        **chosen,
        "hosts": ", ".join(start.get("hosts", [])),
        "devices": ", ".join(start.get("devices", [])),
        "system": start.get("system", ""),
        "Python": start.get("python", ""),
        "CUDA": start.get("cuda") or "",
    }
    return {name: str(text) for name, text in (known | versions).items() if text}


def _chosen(recipe: dict[str, Any]) -> dict[str, str]:
    """What the recipe says of how a step is taken."""
    run, parallel = recipe.get("run", {}), recipe.get("parallel", {})
    unit, stage = run.get("batch_unit", "examples"), parallel.get("zero", {}).get("stage", 0)
    known = {"batch": "", "precision": str(run.get("precision", "")), "ZeRO": f"stage {stage}"}
    if "batch" in run and "micro_batch" in run:
        known["batch"] = f"{run['batch']:,} {unit} a step, {run['micro_batch']:,} at once a rank"
    compressed = parallel.get("compression")
    if isinstance(compressed, dict):
        known["compression"] = str(compressed.get("kind", ""))
    return {name: text for name, text in known.items() if text}


def commands(run: Run) -> list[tuple[str, str]]:
    """How the run is made again: what for, and the command."""
    folder = shlex.quote(str(run.root))
    processes = (run.happened("start") or [{}])[-1].get("processes", 1)
    again = f"{folder}/recipe.json run.folder=runs/again"
    verb = "zoo train" if processes == 1 else f"torchrun --nproc-per-node {processes} -m zoo train"
    found = [("The same from the whole recipe in this run's folder", f"{verb} {again}")]
    for start in run.happened("start"):
        if start.get("command"):
            where = start.get("directory", "")
            found.append((f"Started at step {start['step']:,} in {where} by", start["command"]))
    return found
