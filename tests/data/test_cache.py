"""The cache: whole folders only, built once."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo.data.cache import cache_root, cached


def test_a_folder_is_built_once_and_then_taken(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "text").write_text("built")

    first = cached(tmp_path, "abc", build)
    second = cached(tmp_path, "abc", lambda folder: pytest.fail("built again"))
    assert first == second == tmp_path / "abc"
    assert (second / "text").read_text() == "built"


def test_a_build_that_fails_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "text").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cached(tmp_path, "abc", broken)
    assert not (tmp_path / "abc").exists()
    assert list(cached(tmp_path, "abc", lambda folder: None).iterdir()) == []


def _slowly(root: Path, started: Any) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("half")
        started.set()
        time.sleep(60)

    cached(root, "abc", build)


def test_a_killed_build_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    forks = multiprocessing.get_context("fork")
    started = forks.Event()
    builder = forks.Process(target=_slowly, args=(tmp_path, started))
    builder.start()
    assert started.wait(20)
    assert builder.pid is not None
    os.kill(builder.pid, signal.SIGKILL)
    builder.join()
    assert not (tmp_path / "abc").exists()
    folder = cached(tmp_path, "abc", lambda folder: (folder / "whole").write_text("") and None)
    assert [path.name for path in folder.iterdir()] == ["whole"]


def _counted(root: Path) -> None:
    def build(folder: Path) -> None:
        with (root / "builds").open("a") as file:
            file.write("x")
        time.sleep(0.3)

    cached(root, "abc", build)


def test_of_two_processes_one_builds_and_the_other_waits(tmp_path: Path) -> None:
    forks = multiprocessing.get_context("fork")
    both = [forks.Process(target=_counted, args=(tmp_path,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "builds").read_text() == "x"


def test_the_recipe_rules_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", "/from/environment")
    assert cache_root(SimpleNamespace(cache="/from/recipe")) == Path("/from/recipe")
    assert cache_root(SimpleNamespace(cache=None)) == Path("/from/environment")
    monkeypatch.delenv("ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/users")
    assert cache_root(SimpleNamespace(cache=None)) == Path("/users/zoo")
