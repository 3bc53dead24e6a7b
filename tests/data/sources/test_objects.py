"""Objects of images: in columns of files and of hub data sets, and in COCO's own file."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from zoo.data.rows import CorruptExample
from zoo.data.source import Source, open_source
from zoo.errors import ConfigError

KIND = "object-detection"
BOXES = [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 5.0, 5.0]]
OBJECTS = [
    {"bbox": BOXES, "category": ["cat", "dog"]},
    {"bbox": [], "category": []},
    {"bbox": BOXES[:1], "category": ["dog"], "iscrowd": [1], "area": [7.5]},
]
COCO = {
    "info": {},
    "images": [{"id": 7 + i, "file_name": f"{i}.png"} for i in range(3)],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 18, "bbox": BOXES[0], "segmentation": [[1, 2.5]]},
        {"id": 2, "image_id": 7, "category_id": 17, "bbox": BOXES[1], "iscrowd": 0},
        {"id": 3, "image_id": 9, "category_id": 17, "bbox": BOXES[0], "iscrowd": 1, "area": 7.5},
    ],
    "categories": [{"id": 18, "name": "cat"}, {"id": 17, "name": "dog"}, {"id": 3, "name": "ant"}],
}


def images(folder: Path) -> None:
    """Three images of six by eight pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        pixels = np.full((6, 8, 3), 40 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def metadata(folder: Path, objects: list[Any]) -> Path:
    """A folder of images whose metadata.jsonl has their objects."""
    images(folder)
    rows = [{"file_name": f"{i}.png", "objects": one} for i, one in enumerate(objects)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def assert_same(source: Source) -> None:
    """What all of these hold."""
    rows = [source.train[index] for index in range(3)]
    assert [row["image"].size for row in rows] == [(8, 6)] * 3
    cat, dog = (source.labels.index(name) for name in ("cat", "dog"))  # type: ignore[union-attr]
    assert [row["objects"].classes for row in rows] == [(cat, dog), (), (dog,)]
    assert rows[0]["objects"].boxes.tolist() == BOXES
    assert rows[1]["objects"].boxes.shape == (0, 4)
    assert [row["objects"].crowd.tolist() for row in rows] == [[False, False], [], [True]]
    assert np.isnan(rows[0]["objects"].areas).all()
    assert rows[2]["objects"].areas.tolist() == [7.5]


@pytest.mark.parametrize("listed", [False, True], ids=["object of lists", "list of objects"])
def test_metadata_beside_images_has_their_objects(
    listed: bool, tmp_path: Path, make_recipe: Any
) -> None:
    objects: list[Any] = OBJECTS
    if listed:
        objects = [
            [dict(zip(one, values, strict=True)) for values in zip(*one.values(), strict=True)]
            for one in OBJECTS
        ]
    folder = metadata(tmp_path / "data", objects)
    source = open_source(make_recipe(KIND, source="files", folder=str(folder), train="**"))
    assert source.labels == ("cat", "dog")
    assert_same(source)


@pytest.mark.parametrize("place", ["train2017", "images/train2017", "annotations/images"])
def test_cocos_file_is_joined_with_its_images(place: str, tmp_path: Path, make_recipe: Any) -> None:
    images(tmp_path / place)
    file = tmp_path / "annotations" / "instances_train2017.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(COCO))
    words = {"source": "files", "folder": str(tmp_path), "train": "annotations/*.json"}
    source = open_source(make_recipe(KIND, **words))
    assert source.labels == ("cat", "dog", "ant")
    assert_same(source)


def test_a_file_of_cocos_without_its_images_says_where_they_were_looked_for(
    tmp_path: Path, make_recipe: Any
) -> None:
    (tmp_path / "instances_val.json").write_text(json.dumps(COCO))
    with pytest.raises(ConfigError, match=r"no image 0.png in any of .*/images/val"):
        open_source(make_recipe(KIND, source="files", folder=str(tmp_path), train="*.json"))


def test_a_category_that_coco_does_not_list_makes_a_corrupt_row(
    tmp_path: Path, make_recipe: Any
) -> None:
    images(tmp_path)
    stray = {"id": 9, "image_id": 8, "category_id": 99, "bbox": BOXES[0]}
    content = {**COCO, "annotations": [*COCO["annotations"], stray]}  # type: ignore[misc]
    (tmp_path / "instances.json").write_text(json.dumps(content))
    words = {"source": "files", "folder": str(tmp_path), "train": "*.json"}
    rows = open_source(make_recipe(KIND, max_corrupt=1, **words)).train
    with pytest.raises(CorruptExample, match=r"image 8 \(a category 99 that is not listed"):
        rows[1]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"bbox": BOXES, "category": ["cat"]}, "not a bbox and a category each"),
        ({"bbox": [[1, 2, 3]], "category": ["cat"]}, "not four numbers"),
        ({"bbox": [[1, 2, 3, None]], "category": ["cat"]}, "where a number of a box belongs"),
        ({"bbox": [[1, 2, 3, "x"]], "category": ["cat"]}, "where a number of a box belongs"),
        ({"bbox": BOXES[:1], "category": [None]}, "without a class"),
        ({"bbox": BOXES[:1], "category": ["cat"], "area": []}, "differ in length"),
        ("cat", "neither an object of lists"),
    ],
)
def test_objects_that_are_none_make_a_corrupt_row(
    objects: Any, message: str, tmp_path: Path, make_recipe: Any
) -> None:
    folder = metadata(tmp_path / "data", [OBJECTS[0], objects, OBJECTS[2]])
    words = {"source": "files", "folder": str(folder), "train": "**"}
    rows = open_source(make_recipe(KIND, max_corrupt=1, **words)).train
    assert list(rows.unreadable()) == [1]
    with pytest.raises(CorruptExample, match=message):
        rows[1]


def saved(folder: Path) -> str:
    """A data set as the hub's builders write it: ids whose names the column knows."""
    ids = {"cat": 0, "dog": 1}
    rows = [
        {
            "image": {"path": str(folder / f"{i}.png"), "bytes": None},
            "objects": {
                "bbox": one["bbox"],
                "category": [ids[name] for name in one["category"]],
                "iscrowd": one.get("iscrowd", [0] * len(one["bbox"])),
                "area": one.get("area", [None] * len(one["bbox"])),
            },
        }
        for i, one in enumerate(OBJECTS)
    ]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "objects": {
                "bbox": datasets.List(datasets.List(datasets.Value("float32"), length=4)),
                "category": datasets.List(datasets.ClassLabel(names=["cat", "dog", "ant"])),
                "iscrowd": datasets.List(datasets.Value("int8")),
                "area": datasets.List(datasets.Value("float64")),
            },
        }
    )
    images(folder)
    (folder / "hub").mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "hub/train.parquet")
    return str(folder / "hub")


@pytest.mark.parametrize("source", ["hub", "files"])
def test_columns_of_data_sets_bring_the_names_of_their_classes(
    source: str, tmp_path: Path, make_recipe: Any
) -> None:
    name = "name" if source == "hub" else "folder"
    found = open_source(make_recipe(KIND, source=source, train="train", **{name: saved(tmp_path)}))
    assert found.labels == ("cat", "dog", "ant")
    assert_same(found)
