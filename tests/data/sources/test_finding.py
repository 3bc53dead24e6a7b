"""Which files a split names: globs, brackets, hidden files, formats, folders of classes."""

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from zoo.data.source import open_source
from zoo.data.sources.finding import found, read_as
from zoo.errors import ConfigError


def files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a")


def names(folder: Path, entry: str, kind: str | None = None) -> list[str]:
    """What an entry finds, relative to the folder."""
    here = found(folder, entry, kind)
    return [] if here is None else [path.relative_to(folder).as_posix() for path in here.files]


@pytest.mark.parametrize("name", ["set [1]", "a*b", "what?", "{x}", "[!a]", "two  blanks", "a,b"])
def test_a_name_that_is_there_is_that_name(name: str, tmp_path: Path) -> None:
    files(tmp_path, f"{name}/x.csv", "set 1/x.csv", "aab/x.csv", "whats/x.csv", "b/x.csv")
    for entry in (name, f"{name}/x.csv", f"{name}/x", f"{name}/*.csv", f"{name}/**"):
        assert names(tmp_path, entry) == [f"{name}/x.csv"]
    (tmp_path / name / "x.csv").rename(tmp_path / f"{name}.csv")
    (tmp_path / name).rmdir()
    assert names(tmp_path, name) == [f"{name}.csv"]


def test_what_is_hidden_is_no_data(tmp_path: Path) -> None:
    files(tmp_path, "a/1.txt", ".git/2.txt", "a/.cache/deep/3.txt", "a/.4.txt", "b/c/5.txt")
    seen = ["a/1.txt", "b/c/5.txt"]
    assert names(tmp_path, ".") == names(tmp_path, "**") == names(tmp_path, "*") == seen
    assert names(tmp_path, "a") == names(tmp_path, "a/*") == ["a/1.txt"]
    assert names(tmp_path, "*/*") == ["a/1.txt", "b/c/5.txt"]
    assert names(tmp_path, ".git") == [".git/2.txt"]
    hidden = tmp_path / ".home" / "data"
    files(hidden, "1.txt")
    assert names(hidden, ".") == ["1.txt"]


def test_links_to_folders_are_followed_and_never_in_a_circle(tmp_path: Path) -> None:
    files(tmp_path / "elsewhere", "1.txt", "deep/2.txt")
    (tmp_path / "data" / "x").mkdir(parents=True)
    (tmp_path / "data" / "x" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "deep" / "back").symlink_to(tmp_path / "data")
    (tmp_path / "elsewhere" / "gone.txt").symlink_to(tmp_path / "nowhere")
    wanted = ["x/link/1.txt", "x/link/deep/2.txt", "x/link/gone.txt"]
    for entry in (".", "**", "x", "*", "x/*", "*/*"):
        assert names(tmp_path / "data", entry) == wanted


def test_a_folder_that_is_closed_is_a_fault(
    tmp_path: Path, make_recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path, "train/1.txt", "train/closed/2.txt")
    walk = os.scandir

    def refused(place: Any) -> Any:
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied", str(place))
        return walk(place)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(ConfigError, match=r"data.train: found train \(.*closed.*files that can be"):
        open_source(make_recipe("causal-lm", source="files", folder=str(tmp_path)))


def test_tables_of_several_formats_are_read_once_somebody_chose(tmp_path: Path) -> None:
    files(tmp_path, "train/a.csv", "train/b.tsv", "train/c.jsonl", "train/about.json")
    here = found(tmp_path, "train", None)
    assert here is not None and here.rivals == ("jsonl", "csv", "tsv")
    chosen = found(tmp_path, "train", "csv")
    assert chosen is not None
    assert [read_as(path, "csv") for path in chosen.files] == ["csv", "tsv"]
    assert names(tmp_path, "train", "jsonl") == ["train/c.jsonl"]
    files(tmp_path, "one/a.csv", "one/about.json", "one/README.md")
    assert names(tmp_path, "one") == ["one/a.csv"]


def test_formats_that_nobody_chose_are_a_fault(tmp_path: Path, make_recipe: Any) -> None:
    files(tmp_path, "train.csv", "train.jsonl")
    recipe = make_recipe("causal-lm", source="files", folder=str(tmp_path))
    with pytest.raises(ConfigError, match=r"data.train: found train; .*data.format: jsonl, csv"):
        open_source(recipe)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "parquet"])
def test_metadata_beside_media_rules_over_their_folders(suffix: str, tmp_path: Path) -> None:
    files(tmp_path, "train/1.png", "train/2.png", f"train/metadata.{suffix}")
    here = found(tmp_path, "train", None)
    assert here is not None and here.kind == "metadata"
    assert [path.name for path in here.files] == [f"metadata.{suffix}"]


@pytest.mark.parametrize("entry", ["train", "train/*", "train/*/*", "train/**", "train/*/*/*.png"])
def test_the_class_of_an_image_is_the_first_folder_on_its_way(entry: str, tmp_path: Path) -> None:
    files(tmp_path, *(f"train/{name}/a/b/{name}.png" for name in ("cat", "dog")))
    files(tmp_path, *(f"train/{name}/a/{name}.png" for name in ("cat", "dog")))
    here = found(tmp_path, entry, None)
    assert here is not None and here.files
    assert here.classes is not None
    assert list(here.classes) == [path.stem for path in here.files]


def test_a_folder_named_outright_may_be_one_class(tmp_path: Path) -> None:
    files(tmp_path, "cats/1.png", "cats/2.png")
    here = found(tmp_path, "cats", None)
    assert here is not None and here.classes is not None
    assert list(here.classes) == ["cats", "cats"]
    one = found(tmp_path, "cats/1.png", None)
    assert one is not None and one.classes is not None
    assert list(one.classes) == ["cats"]


def test_an_image_beside_the_folders_of_the_classes_is_a_corrupt_row(
    tmp_path: Path, make_recipe: Any
) -> None:
    for name in ("train/a/0.png", "train/b/0.png", "train/overview.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    data = {"source": "files", "folder": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"found 1 corrupt .*overview\.png \(no class"):
        open_source(make_recipe("image-classification", **data))
    source = open_source(make_recipe("image-classification", **data, max_corrupt=1))
    assert source.labels == ("a", "b")
    assert list(source.train.unreadable()) == [2]
