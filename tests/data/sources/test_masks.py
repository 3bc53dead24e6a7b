"""Masks of images: files beside them by name, columns, and what is said where they lack."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from tests.data.sources.reading import rows_of, said
from zoo.data.source import open_source

KIND = "semantic-segmentation"
LABELS = ["sky", "sea"]


def write(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 2), value).save(path)


def values(rows: Any) -> list[int]:
    """The value of each row's mask, all of whose pixels are alike."""
    found = rows_of(rows)
    assert all(row["image"].mode == "RGB" and row["image"].size == (3, 2) for row in found)
    return [int(np.unique(np.asarray(row["mask"])).item()) for row in found]


@pytest.mark.parametrize(
    ("images", "masks", "entry"),
    [
        ("images/training", "annotations/training", "images/training"),
        ("train/images", "train/masks", "train"),
        ("JPEGImages", "SegmentationClass", "JPEGImages"),
    ],
)
def test_masks_lie_beside_images_under_their_names(
    images: str, masks: str, entry: str, tmp_path: Path, make_recipe: Any
) -> None:
    for number, name in enumerate(("b", "a", "c")):
        write(tmp_path / images / f"{name}.jpg", 200)
        write(tmp_path / masks / f"{name}.png", number)
    data = {"source": "files", "folder": str(tmp_path), "train": entry, "labels": LABELS}
    source = open_source(make_recipe(KIND, **data))
    assert values(source.train) == [1, 0, 2]
    assert source.labels == ("sky", "sea")


def test_an_image_without_its_mask_is_a_corrupt_example(tmp_path: Path, make_recipe: Any) -> None:
    for name in "ab":
        write(tmp_path / "images" / f"{name}.png", 200)
    write(tmp_path / "masks" / "a.png", 1)
    data = {"source": "files", "folder": str(tmp_path), "train": ".", "labels": LABELS}
    assert "b.png (no mask of that name" in said(open_source, make_recipe(KIND, **data))
    found = rows_of(open_source(make_recipe(KIND, **data, max_corrupt=1)).train)
    assert found[1].startswith("(no mask of that name")


def test_images_alone_are_a_fault(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path / "images" / "a.png", 200)
    data = {"source": "files", "folder": str(tmp_path), "train": "images", "labels": LABELS}
    assert "images without masks" in said(open_source, make_recipe(KIND, **data))


@pytest.mark.parametrize("column", ["mask", "mask_file_name"])
def test_metadata_names_the_mask_of_an_image(column: str, tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path / "train" / "a.png", 200)
    write(tmp_path / "train" / "deep" / "a_mask.png", 1)
    lines = [{"file_name": "a.png", column: "deep/a_mask.png"}, {"file_name": "a.png", column: 7}]
    metadata = tmp_path / "train" / "metadata.jsonl"
    metadata.write_text("\n".join(map(json.dumps, lines)))
    data = {"source": "files", "folder": str(tmp_path), "labels": LABELS, "max_corrupt": 1}
    rows = open_source(make_recipe(KIND, **data)).train
    first, second = rows_of(rows)
    assert np.asarray(first["mask"]).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert "a number, no path" in second


def test_a_column_of_the_hub_holds_masks(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path / "image.png", 200)
    write(tmp_path / "mask.png", 1)
    features = datasets.Features({"image": datasets.Image(), "annotation": datasets.Image()})
    row = {"image": str(tmp_path / "image.png"), "annotation": str(tmp_path / "mask.png")}
    (tmp_path / "set").mkdir()
    datasets.Dataset.from_list([row], features=features).to_parquet(
        tmp_path / "set" / "train.parquet"
    )
    data = {"source": "hub", "name": str(tmp_path / "set"), "columns": {"mask": "annotation"}}
    assert values(open_source(make_recipe(KIND, **data, labels=LABELS)).train) == [1]
