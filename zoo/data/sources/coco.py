"""COCO's file of instances: a row an image, with its objects (cocodataset.org: data format)."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PARTS = ("images", "annotations", "categories")
_PREFIX = "instances_"


def coco_document(content: bytes) -> dict[str, Any] | None:
    """The document of a file of COCO's; None of any other JSON, or none.

    Its numbers are numbers: characters kept of every corner of a polygon would fill the memory.
    """
    if not all(f'"{part}"'.encode() in content for part in _PARTS):
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(document, dict) and all(isinstance(document.get(p), list) for p in _PARTS)
    return document if whole else None


def coco_classes(document: dict[str, Any]) -> tuple[str, ...]:
    """The names of its categories, in order."""
    return tuple(str(one.get("name")) for one in document["categories"])


def coco_rows(path: Path, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(place, columns `file_name` and `objects`, what is wrong) of every image.

    Raises ValueError where its images lie in none of the folders that are usual.
    """
    names = {one.get("id"): str(one.get("name")) for one in document["categories"]}
    of_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for one in document["annotations"]:
        of_image[one.get("image_id")].append(one)
    folder = _folder(path, document["images"])
    for image in document["images"]:
        objects = of_image[image.get("id")]
        numbers = [one.get("category_id") for one in objects]
        lost = [str(number) for number in numbers if number not in names]
        columns = {
            "bbox": [one.get("bbox") for one in objects],
            "category": [names.get(number) for number in numbers],
            "iscrowd": [one.get("iscrowd") or 0 for one in objects],
            "area": [one.get("area") for one in objects],
        }
        values = {"file_name": str(folder / str(image.get("file_name"))), "objects": columns}
        fault = f"a category {', '.join(lost)} that is not listed" if lost else ""
        yield f"image {image.get('id')}", values, fault


def _folder(path: Path, images: list[dict[str, Any]]) -> Path:
    """Where the first image lies: beside the file, or where COCO's own images do."""
    split = path.stem.removeprefix(_PREFIX)
    above = (path.parent.absolute(), path.parent.parent.absolute())
    places = [
        place / inner for place in above for inner in ("", "images", split, f"images/{split}")
    ]
    first = str(images[0].get("file_name")) if images else ""
    found = next((place for place in places if (place / first).is_file()), None)
    if found is None:
        looked = ", ".join(map(str, dict.fromkeys(places)))
        raise ValueError(f"no image {first} in any of {looked}")
    return found
