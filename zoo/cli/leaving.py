"""How a process of several leaves with an error: who tells it, and at once."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from zoo.errors import Told

_FIRST = 2.0
"""Seconds that rank 0 has for what all processes find."""
_SAME = 60.0
"""Seconds within which the processes of one launch find the same; later it is another launch."""


def speaks(error: Told, environment: Mapping[str, str]) -> bool:
    """Whether this process tells an error that others may tell as well.

    Rank 0 tells what it has, and is alone with what is known to be everybody's. Of the others the
    first of a launch to have it on this host tells it, unless rank 0 did: the processes of a host
    most often find the same, another host may not.
    """
    if environment.get("WORLD_SIZE", "1") == "1":
        return True
    is_first_rank = environment.get("RANK", "0") == "0"
    if error.everywhere:
        return is_first_rank
    launch = f"{os.getppid()} {environment.get('MASTER_PORT')} {error}"
    name = f"zoo-said-{os.getuid()}-{sha256(launch.encode()).hexdigest()[:16]}"
    mark = Path(tempfile.gettempdir()) / name
    if is_first_rank:
        with suppress(OSError):
            mark.touch(mode=0o600)
        return True
    time.sleep(_FIRST)
    return _sets(mark)


def _sets(mark: Path) -> bool:
    """Whether nobody of this launch has set the mark before; then it is set."""
    try:
        if time.time() - mark.stat().st_mtime > _SAME:
            mark.unlink()
    except OSError:
        pass  # it is not there, or another process was quicker
    try:
        mark.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def spoken(error: Told, environment: Mapping[str, str]) -> str:
    """The error's text, with who found it."""
    return f"{finder(error, environment)}{error}"


def finder(error: Told, environment: Mapping[str, str]) -> str:
    """Who found an error, where it is not rank 0 and may be nobody else's; else nothing."""
    rank = environment.get("RANK", "0")
    if error.everywhere or rank == "0":
        return ""
    return f"rank {rank} on {socket.gethostname()}: "


def leave(code: int) -> NoReturn:
    """Ends the process; at once where other ranks may wait for it.

    To take a process group down in order they would have to take part; a launcher that sees one
    process end with an error kills the rest.
    """
    distributed = sys.modules.get("torch.distributed")  # not imported for this
    if distributed is None or not distributed.is_initialized():
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
