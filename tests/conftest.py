"""What all tests share: an offline, quiet environment and the real data where it lies."""

import gc
import os
from pathlib import Path

import pytest

from tests.small_data import write_small_data

os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parents[1]


def pytest_collection_finish() -> None:
    """What was loaded lives as long as the tests: the collector need not look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout (ZOO_SHARED_DATA elsewhere); skips without it."""
    folder = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folders with a few small files that the tests write themselves."""
    return write_small_data(tmp_path_factory.mktemp("small"))


@pytest.fixture(params=["small", pytest.param("real", marks=pytest.mark.shared_data)])
def data_root(request: pytest.FixtureRequest) -> Path:
    """The small files, and the real data where it lies."""
    name = "shared_data" if request.param == "real" else "small_data"
    root: Path = request.getfixturevalue(name)
    return root


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of prepared data for the whole session, shared by all its rank processes."""
    return Path(os.environ.setdefault("ZOO_CACHE", str(tmp_path_factory.mktemp("cache"))))
