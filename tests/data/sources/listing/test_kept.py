"""Folders of many files: what is kept of them, when it is true, and who shares it."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.data.sources.file_rows import ClassFolders
from zoo.data.sources.finding import found
from zoo.data.sources.listing import kept
from zoo.data.sources.listing.kept import Found, forget
from zoo.data.sources.listing.walk import Walk

Listed = Callable[..., Found]


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"a")


def settle(folder: Path) -> None:
    """Lets every folder look as if it had last changed a minute ago."""
    for place in (folder, *folder.rglob("*")):
        if place.is_dir():
            then = place.stat().st_mtime - 60
            os.utime(place, (then, then))


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five files in class folders, which are many."""
    monkeypatch.setattr(kept, "MANY", 3)
    folder = tmp_path / "data"
    put(folder, *(f"train/{name}/{n}.png" for name in ("cat", "dog") for n in (1, 2)))
    put(folder, "train/ape/deep/0.png")
    settle(folder)
    return folder


@pytest.fixture
def listed(images: Path, tmp_path: Path) -> Listed:
    def listed_now(entry: str = "train") -> Found:
        here = found(images, entry, None, tmp_path / "cache")
        assert here is not None and here.classes is not None
        return here

    return listed_now


def names(here: Found) -> list[str]:
    return list(here.files.names())


def test_a_kept_listing_is_what_the_folders_hold(images: Path, listed: Listed) -> None:
    for entry in ("train", "train/*", "train/*/*", "train/**/*.png", "train/cat"):
        few = found(images, entry, None)
        assert few is not None and few.classes is not None
        for here in (listed(entry), listed(entry)):
            assert here.kind == "class-folders"
            assert list(here.files) == list(few.files)
            assert list(here.classes or ()) == list(few.classes)


def test_later_starts_look_into_no_folder(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    first = listed()
    monkeypatch.delattr(Walk, "shown")
    monkeypatch.setattr(kept, "files_digest", None)
    again = listed()
    assert names(again) == names(first)
    assert ClassFolders(again.files, again.classes).fingerprint


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "new class"])
def test_another_set_of_files_is_seen_and_has_another_fingerprint(
    change: str, images: Path, listed: Listed
) -> None:
    before = listed()
    file = images / "train" / "cat" / "1.png"
    if change == "added":
        put(images, "train/cat/3.png")
    elif change == "removed":
        file.unlink()
    elif change == "renamed":
        file.rename(file.with_name("0.png"))
    else:
        put(images, "train/new/1.png")
    after = listed()
    assert names(after) != names(before)
    rows = [ClassFolders(here.files, here.classes) for here in (before, after)]
    assert rows[0].fingerprint != rows[1].fingerprint


def test_a_folder_that_has_just_changed_is_not_believed(images: Path, listed: Listed) -> None:
    put(images, "train/cat/3.png")
    stat = (images / "train" / "cat").stat()
    assert "cat/3.png" in names(listed())
    put(images, "train/cat/4.png")
    os.utime(images / "train" / "cat", ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a coarse clock
    assert "cat/4.png" in names(listed())


def test_a_file_that_was_written_over_is_seen_once_all_is_listed_anew(
    images: Path, listed: Listed, tmp_path: Path
) -> None:
    before = listed().files.digest
    (images / "train" / "cat" / "1.png").write_bytes(b"other")
    assert listed().files.digest == before
    forget(tmp_path / "cache")
    assert listed().files.digest != before


def test_a_cleared_cache_is_filled_again(listed: Listed, tmp_path: Path) -> None:
    before = listed()
    for file in (tmp_path / "cache").rglob("*.npy"):
        file.unlink()
    for folder in (tmp_path / "cache").glob("listing-*/"):
        (folder / "facts.json").unlink()
        folder.rmdir()
    assert names(listed()) == names(before)


def test_rows_of_a_kept_listing_cross_to_a_worker_as_paths(listed: Listed) -> None:
    here = listed()
    rows = ClassFolders(here.files, here.classes)
    held = pickle.dumps(rows)
    assert b"deep/0.png" not in held
    again = pickle.loads(held)
    assert list(again.paths) == list(rows.paths)
    assert [again.value(n, "label") for n in range(5)] == ["ape", "cat", "cat", "dog", "dog"]


def test_names_that_are_no_utf_8_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.png")).touch()
    here = found(folder, ".", None)
    assert here is not None
    assert [os.fsencode(path.name) for path in here.files] == [b"\xff.png"]
    assert here.files[0].exists()
