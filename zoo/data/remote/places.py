"""Files by URL, whatever serves them (fsspec): what they are called, how large they are, a copy."""

import fnmatch
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from zoo.recipe.spec.words import is_url

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>()]+", re.IGNORECASE)
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_CHANGES = ("ETag", "etag", "LastModified", "last_modified", "Last-Modified", "mtime", "blob_id")
WITHOUT_LISTING = ("http", "https")


@dataclass(frozen=True)
class Stat:
    """How large a file is (None: its server does not say), and what changes when it does."""

    size: int | None
    tag: str


def shown(text: str) -> str:
    """A text with its URLs as they may be said: no name or password of a user, no query."""
    return _URL.sub(lambda found: _shown(found.group()), text)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?...' if parts.query else ''}"


def protocol(place: str) -> str:
    """What serves a place: file, http, s3, ..."""
    return place.partition("://")[0].lower() if is_url(place) else "file"


def below(folder: str, name: str) -> str:
    """A name below a folder, which is a path or a URL."""
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else str(Path(folder) / name)


def served(place: str, seconds: float, anew: bool = False) -> tuple[Any, str]:
    """(the file system, the name in it) of a place; `anew` with connections of its own.

    Raises ImportError where the protocol's package is missing, ValueError for one that is unknown.
    """
    options: dict[str, Any] = {"skip_instance_cache": anew}
    if protocol(place) in WITHOUT_LISTING:
        import aiohttp  # fsspec's own for http

        slow = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        options["client_kwargs"] = {"timeout": slow, "trust_env": True}  # .netrc and proxies
    system, name = fsspec.core.url_to_fs(place, **options)
    return system, name


def stat(place: str, seconds: float, anew: bool = False) -> Stat:
    """What the server says of a file; raises what fsspec does."""
    system, name = served(place, seconds, anew)
    system.invalidate_cache()
    info = system.info(name)
    tags = [f"{key} {info[key]}" for key in _CHANGES if info.get(key)]
    size = info.get("size")
    return Stat(None if size is None else int(size), "; ".join(tags))


def copy(place: str, target: Path, seconds: float, anew: bool = False) -> None:
    """Writes a file's bytes into a local one; raises what fsspec does."""
    system, name = served(place, seconds, anew)
    system.get_file(name, str(target))


def listed(folder: str, seconds: float, anew: bool = False) -> list[str]:
    """The names of all files below a folder, sorted; raises what fsspec does."""
    system, base = served(folder, seconds, anew)
    system.invalidate_cache()
    return sorted(posixpath.relpath(name, base.rstrip("/")) for name in system.find(base))


def expanded(pattern: str) -> list[str]:
    """The names that a range in braces stands for, as in train-{00000..00009}.tar."""
    found = _RANGE.search(pattern)
    if found is None:
        return [pattern]
    first, last = found.groups()
    numbers = (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
    head, tail = pattern[: found.start()], pattern[found.end() :]
    return [name for number in numbers for name in expanded(head + number + tail)]


def is_named(name: str, entry: str) -> bool:
    """Whether an entry of a recipe means a file: its name, a glob, a folder that it lies in, or
    what its name begins with (train: train-00000.tar).
    """
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in expanded(entry)):
        return True
    folder = entry.strip("/")
    return folder in ("", ".", "**") or bool(re.match(re.escape(folder) + r"[/._-]", name))
