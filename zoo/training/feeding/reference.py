"""What the model that a run starts from tells of its rows (`Task.reference`): computed once, on the
run's own layout before its first step, and kept in the cache by what it hangs on.
"""

from pathlib import Path

import numpy as np

from zoo.data.cache import cache_root, cached
from zoo.data.joined import each_part
from zoo.data.rows import Row, Rows, Wrapped, digest
from zoo.models.adapters.place import FileAdapter, Merged, OnBase
from zoo.models.fill import Weights
from zoo.models.names import of_adapter, plain_state
from zoo.models.weights import FileWeights
from zoo.recipe import Recipe
from zoo.recipe.derived.adapter import in_4_bits
from zoo.training.checks import Checked
from zoo.training.reader import Reader
from zoo.training.starting import Fitting

REFERENCE = "reference"
_FILE = "values.npy"
_VERSION = 1


class Referred(Wrapped):
    """Rows with what the starting model told of them, as soon as that lies in its folder."""

    def __init__(self, rows: Rows, folder: Path) -> None:
        super().__init__(rows)
        self.fingerprint, self.folder = rows.fingerprint, folder
        self.values: np.ndarray | None = None

    def __getitem__(self, index: int) -> Row:
        if self.values is None and self.known:
            self.values = np.load(self.folder / _FILE, mmap_mode="r")
        row = self.rows[index]
        return row if self.values is None else {**row, REFERENCE: self.values[index]}

    @property
    def known(self) -> bool:
        """Whether it was told before."""
        return self.folder.is_dir()

    def keep(self, values: np.ndarray) -> None:
        """Lays it in the folder, float32 (rows, ...); of several processes the first does."""
        fill = lambda part: np.save(part / _FILE, values)  # noqa: E731
        cached(self.folder.parent, self.folder.name, fill)


def referred(recipe: Recipe, checked: Checked, rows: Rows) -> Rows:
    """The rows as `Task.example` needs them, those of a mixture part by part."""
    if not checked.task.reference:
        return rows
    started, root = started_from(recipe, checked), cache_root(recipe.data)

    def with_folder(part: Rows) -> Rows:
        name = digest(REFERENCE, _VERSION, part.fingerprint, started)
        return Referred(part, root / f"{REFERENCE}-{name}")

    return each_part(rows, with_folder)


def started_from(recipe: Recipe, checked: Checked) -> str:
    """A digest of all that what is told of a row hangs on beside the row: not the layout."""
    task, model = checked.task, checked.model
    given, config = checked.weights.names(), task.config.to_json_string(use_diff=False)
    wanted = {name for name in plain_state(model) if not of_adapter(name)}
    drawn = wanted - given - set(model.all_tied_weights_keys)
    words = [task.reference, sorted(task.digests().items()), recipe.run.precision, config]
    words += [bnb.model_dump()] if (bnb := in_4_bits(recipe)) else []
    return digest(*words, content_of(checked.weights), recipe.run.seed if drawn else None)


def content_of(weights: Weights) -> list[tuple[str, int, int]]:
    """The files of weights by name, size and time, which tell contents apart; of none: nothing."""
    files = sorted(file.resolve() for file in files_of(weights))
    return [(one.name, (found := one.stat()).st_size, found.st_mtime_ns) for one in files]


def files_of(weights: Weights) -> list[Path]:
    """Every file that weights are read from."""
    if isinstance(weights, Fitting):
        return files_of(weights.inner)
    if isinstance(weights, Merged):
        return files_of(weights.both)
    if isinstance(weights, OnBase):
        return files_of(weights.adapter) + files_of(weights.base)
    if isinstance(weights, FileAdapter):
        return [weights.path]
    if isinstance(weights, Reader):
        return list(weights.folder.iterdir())
    return weights.files if isinstance(weights, FileWeights) else []
