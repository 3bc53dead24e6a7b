"""A page as a browser shows it."""

import shutil
import subprocess
from pathlib import Path

import pytest

needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")


def shown(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The page's elements after its scripts, on stdout, and what was said on the console, on
    stderr.
    """
    return subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--enable-logging=stderr", f"--user-data-dir={page}.profile",
         "--virtual-time-budget=8000", *words, "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
