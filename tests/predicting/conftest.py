"""Exported folders as small as they come, written as an export writes them, with random weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from tests.tasks.conftest import make_recipe, make_source  # noqa: F401  (fixtures)
from zoo.data.rows import Row, Rows
from zoo.predicting.exported import Options, exported
from zoo.predicting.predict import predictor_of
from zoo.predicting.predictor import Predictor
from zoo.tasks.build import build_task, head_class
from zoo.tasks.task import Task


class Trained(NamedTuple):
    """What an export was made of: its folder, its task, the model, and rows."""

    folder: Path
    task: Task
    model: Any
    rows: Rows

    def logits(self, size: int) -> torch.Tensor:
        """What the model gives for the first rows, as evaluation batches them."""
        batch = self.batch(size)
        with torch.no_grad():
            return self.model(**batch["inputs"]).logits

    def batch(self, size: int) -> dict[str, Any]:
        """The first rows as evaluation reads them."""
        rows = self.task.rows(self.rows)
        draws = [np.random.default_rng(i) for i in range(size)]
        examples = [
            self.task.example(rows[i], draws[i], False) | {"weight": 1.0} for i in range(size)
        ]
        batch = self.task.collate(examples, draws[0], False)
        return batch | {"inputs": self.task.on_device(batch["inputs"])}

    def predictor(self, **options: Any) -> Predictor:
        """What answers with it, as `zoo predict` builds it."""
        return predictor_of(exported(self.folder, "cpu"), Options(**options))


@pytest.fixture
def trained(make_recipe, make_source, tmp_path: Path) -> Callable[..., Trained]:  # noqa: F811
    """trained(kind, task's keys, columns of the data, rows, model's keys)."""

    def make(
        kind: str,
        task: dict[str, Any] | None = None,
        columns: dict[str, str] | None = None,
        rows: list[Row] | None = None,
        **model: Any,
    ) -> Trained:
        recipe, source = make_recipe(kind, task, **model), make_source(kind, rows)
        made = build_task(recipe, source)
        torch.manual_seed(0)
        built = head_class(kind).from_config(made.config).eval()
        for weight in built.parameters():  # as they begin, models write nothing
            weight.data += 0.3 * torch.randn_like(weight)
        folder = tmp_path / f"{kind}-export"
        built.save_pretrained(folder)
        made.save(folder)
        content = recipe.model_dump(mode="json", exclude_unset=True)
        data = {"source": "files", "folder": ".", "train": "train.jsonl", "columns": columns or {}}
        (folder / "recipe.json").write_text(json.dumps({**content, "data": data}))
        return Trained(folder, made, built, source.train)

    return make


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[Row, str], Path]:
    """kept(row, name): a row's image or clip as a file that holds exactly its values."""

    def keep(row: Row, name: str) -> Path:
        path = tmp_path / name
        if "image" in row:
            row["image"].save(path)
        else:
            soundfile.write(path, row["audio"] / 8, row["sampling_rate"], subtype="FLOAT")
        return path

    return keep
