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

_OLD = 3600.0  # seconds after which nobody of the same launch says the same any more


def speaks(error: Told, environment: Mapping[str, str]) -> bool:
    """Whether this process tells an error that others may tell as well.

    What is known to be everybody's is told by rank 0. Else the first of a launch to have it on this
    host tells it: the other processes of the host most often find the same, another host may not.
    """
    if environment.get("WORLD_SIZE", "1") == "1":
        return True
    if error.everywhere:
        return environment.get("RANK", "0") == "0"
    launch = f"{os.getppid()} {environment.get('MASTER_PORT')} {error}"
    place = Path(tempfile.gettempdir())
    mark = place / f"zoo-said-{os.getuid()}-{sha256(launch.encode()).hexdigest()[:16]}"
    with suppress(OSError):
        for old in place.glob(f"zoo-said-{os.getuid()}-*"):
            if time.time() - old.stat().st_mtime > _OLD:
                old.unlink()
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def spoken(error: Told, environment: Mapping[str, str]) -> str:
    """The error's text, with who found it where it is not rank 0 and may be nobody else's."""
    rank = environment.get("RANK", "0")
    if error.everywhere or rank == "0":
        return str(error)
    return f"rank {rank} on {socket.gethostname()}: {error}"


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
