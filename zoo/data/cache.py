"""Where prepared data lies: one folder a fingerprint, built beside under a lock, then renamed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from zoo.recipe.spec.data import DataSpec


def cache_root(data: DataSpec) -> Path:
    """`data.cache`, else $ZOO_CACHE, else the user's cache folder."""
    if data.cache:
        return Path(data.cache).expanduser()
    if os.environ.get("ZOO_CACHE"):
        return Path(os.environ["ZOO_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "zoo"


def cached(root: Path, fingerprint: str, build: Callable[[Path], None]) -> Path:
    """The folder root/fingerprint; if it is not there, `build` fills it first.

    Of several processes one builds and the others wait. A killed build leaves a partial folder,
    which is never taken for a whole one and is cleared by the next build.
    """
    folder = root / fingerprint
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{fingerprint}.lock"):
        if not folder.is_dir():
            partial = root / f"{fingerprint}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            build(partial)
            partial.rename(folder)
    return folder
