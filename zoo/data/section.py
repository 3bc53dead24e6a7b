"""One section of the data as it is opened: its train rows, and the sets that are scored."""

from dataclasses import dataclass, replace

from zoo.data.faults import Faults
from zoo.data.labels import Split
from zoo.data.samples import cut, drawn
from zoo.data.sources.opened import Opened
from zoo.recipe import Recipe
from zoo.recipe.instead import instead
from zoo.recipe.spec.data import OneSource


@dataclass(frozen=True)
class Section:
    """What a section names, or that of a part; `train` is None where nobody needs it."""

    at: str
    part: str
    data: OneSource
    train: Opened | None
    valid: list[Split]
    test: list[Split]

    @property
    def prefix(self) -> str:
        """What stands between `data.` and the keys of the section."""
        return f"{self.at}.".removeprefix("data.")


def drawn_of(one: Section, recipe: Recipe, faults: Faults) -> Section:
    """The section without the share that is held back from training, and what is drawn of it."""
    data, train, valid = one.data, one.train, one.valid
    share = data.valid if isinstance(data.valid, float) else 0.0
    if share and train is not None:
        train, held = _share(train, share, faults, data.split_seed)
        valid = [(f"{one.prefix}valid", "valid", held)]
    if train is not None:
        rows = drawn(train.rows, data.max_train_examples, recipe.run.seed)
        train = _with_names(replace(train, rows=rows), one)
    limits = [one for one in (data.max_valid_examples, recipe.data.max_valid_examples) if one]
    least = min(limits, default=None)
    valid = [
        (key, name, replace(part, rows=drawn(part.rows, least, data.split_seed)))
        for key, name, part in valid
    ]
    valid = [(key, name, _with_names(part, one)) for key, name, part in valid]
    test = [(key, name, _with_names(part, one)) for key, name, part in one.test]
    return replace(one, train=train, valid=valid, test=test)


def _with_names(opened: Opened, one: Section) -> Opened:
    """The set with the class names that its part of a mixture says."""
    names = one.data.labels if one.part else None
    return replace(opened, label_names=names or opened.label_names)


def named_sets(key: str, sets: list[tuple[Section, list[Split]]]) -> list[Split]:
    """The sets of all sections under their names: one alone is called by its key."""
    found = [
        (at, "/".join(word for word in (one.part, name if several else "") if word) or name, part)
        for one, splits in sets
        for several in [len(splits) > 1]
        for at, name, part in splits
    ]
    return [(at, key, part) for at, _, part in found] if len(found) == 1 else found


def _share(train: Opened, share: float, faults: Faults, seed: int) -> tuple[Opened, Opened]:
    """Train without the seeded share of it, and that share."""
    kept, held = cut(train.rows, share, seed)
    if not len(kept) or not len(held):
        found = f"{share} of {len(train.rows)} examples"
        allowed = "a share that leaves at least one example on both sides"
        way = instead(faults.recipe, f"{faults.at}.valid", 0.5 if len(train.rows) > 1 else False)
        faults.add("valid", found, allowed, way=way)
        faults.end()
    return replace(train, rows=kept), replace(train, rows=held, left_out={})
