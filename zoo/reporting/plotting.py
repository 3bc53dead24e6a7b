"""The plotting library that stands in the page itself: Vega, Vega-Lite and Vega-Embed, as
vl-convert-python brings them.

A process of its own bundles them (its engine of JavaScript is no part of a training process), once
a version: the text is kept in the cache.
"""

import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from zoo.data.cache import user_cache
from zoo.training.disk.writing import write_text

PACKAGE = "vl-convert-python"
_WAIT = 120.0
_BUNDLE = (
    "import sys, vl_convert; sys.stdout.reconfigure(encoding='utf-8');"
    "sys.stdout.write(vl_convert.javascript_bundle())"
)


def library() -> str:
    """The library's JavaScript, which sets `vegaEmbed`; empty where it cannot be had."""
    try:
        place = user_cache() / "plotting" / f"vega-{version(PACKAGE)}.js"
    except PackageNotFoundError:
        return ""
    with suppress(OSError):
        return place.read_text(encoding="utf-8")
    text = _bundled()
    if text:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_text(place, text)
    return text


def _bundled() -> str:
    try:
        made = subprocess.run(
            [sys.executable, "-P", "-c", _BUNDLE],
            capture_output=True,
            timeout=_WAIT,
            check=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return made.stdout.replace("</script", "<\\/script").replace("<!--", "<\\!--")
