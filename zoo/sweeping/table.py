"""A sweep's results: each setting's mean and spread over seeds, best first."""

import shlex
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from zoo.recipe import Recipe
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.sweeping.plan import Member, Sweep
from zoo.sweeping.standing import Standing, headline
from zoo.telling.page import Page, Table, markdown
from zoo.training.disk.writing import told_in_a_line, write_json, write_text

Standings = Mapping[int, Standing]


def results(sweep: Sweep, recipes: Mapping[int, Recipe], found: Standings) -> Page:
    """The settings with their scores, and the runs; a mean is over runs that are done, the spread
    the sample's standard deviation.
    """
    first = recipes[0]
    scored = [one.scores for one in found.values() if one.scores]
    best = headline(first, scored[0]) if scored else ""
    every = dict.fromkeys(key for scores in scored for key in scores)
    names = sorted(every, key=lambda key: key != best)
    larger = kind_of(first.task).larger_is_better(best)
    settings = [_summary(members, found, names) for members in _by_setting(sweep)]
    settings.sort(key=lambda one: _place(one["scores"].get(best), larger))
    heads = [*sweep.keys, "runs", *names]
    rows = [
        [*one["setting"].values(), one["runs"], *(_cell(one["scores"].get(key)) for key in names)]
        for one in settings
    ]
    content = {
        **{"recipe": sweep.recipe, "tiny": sweep.tiny, "words": sweep.words, "best_by": best},
        **{"settings": settings, "runs": [_run(one, found[one.number]) for one in sweep.members]},
    }
    lines = [f"mean ± standard deviation over seeds; best first by {best}"] if best else []
    return Page([(heads, rows), _runs(sweep, found, best)], lines, content)


def write(sweep: Sweep, page: Page) -> None:
    """Writes sweep.json and sweep.md into the sweep's folder; raises DiskError."""
    tables = "\n\n".join(markdown(*table) for table in page.tables)
    words = shlex.join([sweep.recipe, *(["--tiny"] if sweep.tiny else []), *sweep.words])
    with told_in_a_line(sweep.folder):
        sweep.folder.mkdir(parents=True, exist_ok=True)
        write_json(sweep.folder / "sweep.json", page.content)
        text = f"# Sweep of {sweep.recipe}\n\n`{words}`\n\n{tables}\n\n" + "\n".join(page.lines)
        write_text(sweep.folder / "sweep.md", text + "\n")


def _by_setting(sweep: Sweep) -> list[list[Member]]:
    found: dict[Any, list[Member]] = {}
    for member in sweep.members:
        found.setdefault(member.setting, []).append(member)
    return list(found.values())


def _summary(members: Sequence[Member], found: Standings, names: Sequence[str]) -> dict[str, Any]:
    standings = [found[one.number] for one in members]
    done = [one for one in standings if one.state == "done"]
    scores = {}
    for key in names:
        values = [one.scores[key] for one in done if key in one.scores]
        if values:
            spread = stdev(values) if len(values) > 1 else None
            scores[key] = {"mean": fmean(values), "spread": spread, "values": values}
    others = sorted({one.state for one in standings} - {"done"})
    more = [f"{sum(one.state == state for one in standings)} {state}" for state in others]
    said = f"{len(done)} done" + "".join(f", {one}" for one in more)
    return {"setting": dict(members[0].setting), "runs": said, "scores": scores}


def _place(score: Mapping[str, Any] | None, larger: bool) -> tuple[bool, float]:
    """What sorts settings: those without a score come last."""
    if score is None:
        return True, 0.0
    return False, -score["mean"] if larger else score["mean"]


def _cell(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return ""
    mean = f"{score['mean']:.4g}"
    return mean if score["spread"] is None else f"{mean} ± {score['spread']:.2g}"


def _runs(sweep: Sweep, found: Standings, best: str) -> Table:
    rows = []
    for member in sweep.members:
        one = found[member.number]
        score = f"{one.scores[best]:.4g}" if best in one.scores else ""
        rows.append([member.folder.name, one.state, str(one.step), score])
    return ["run", "state", "step", best or "score"], rows


def _run(member: Member, one: Standing) -> dict[str, Any]:
    told = {"folder": str(member.folder), "setting": dict(member.setting), "seed": member.seed}
    return {**told, "state": one.state, "step": one.step, "scores": one.scores, "error": one.error}
