"""Where prepared data lies: one folder a fingerprint, built beside under a lock, then renamed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from zoo.recipe.spec.data import DataSpec


def cache_root(data: DataSpec) -> Path:
    """`data.cache`, else $ZOO_CACHE, else the user's cache folder."""
    return Path(data.cache).expanduser() if data.cache else user_cache()


def user_cache() -> Path:
    """$ZOO_CACHE, else the user's cache folder."""
    if os.environ.get("ZOO_CACHE"):
        return Path(os.environ["ZOO_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "zoo"


def cached(root: Path, fingerprint: str, build: Callable[[Path], None], whole: bool = True) -> Path:
    """The folder root/fingerprint; if it is not there, `build` fills it first.

    Of several processes one builds and the others wait, however long. A killed build leaves a
    partial folder, which is never taken for a whole one; the next build clears it, or goes on in it
    (`whole` false: `build` knows what of it is good).
    """
    folder = root / fingerprint
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{fingerprint}.lock"):
        if not folder.is_dir():
            partial = _partial(root, fingerprint)
            if whole:
                shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(exist_ok=True)
            build(partial)
            partial.rename(folder)
    return folder


def filled_together(
    root: Path, fingerprint: str, share: Callable[[Path], None], finish: Callable[[Path], None]
) -> Path:
    """The folder root/fingerprint, which processes fill together: each does its `share` of a
    partial folder and comes back when nothing is missing there, and the first does the rest.
    """
    folder, partial = root / fingerprint, _partial(root, fingerprint)
    if not folder.is_dir():
        partial.mkdir(parents=True, exist_ok=True)
        share(partial)
        with FileLock(root / f"{fingerprint}.lock"):
            if not folder.is_dir():
                finish(partial)
                partial.rename(folder)
    return folder


def _partial(root: Path, fingerprint: str) -> Path:
    return root / f"{fingerprint}.partial"
