"""What happens to a run beside its rows, with the time of day: starts, saves, ends.

A line of events.jsonl each; unlike rows they are never taken back, so that a run that goes on from
an older step tells so.
"""

import json
import os
import platform
import shlex
import socket
import sys
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from zoo.training.logs.metrics import EVENTS
from zoo.training.world import Here

PACKAGES = ("zoo", "torch", "deepspeed", "transformers", "accelerate", "datasets", "numpy")


def tell(root: Path, name: str, step: int, **more: Any) -> None:
    """Appends an event; what a disk refuses is left out, as no step hangs on it."""
    line = {"event": name, "step": step, "at": round(time.time(), 3), **more}
    with suppress(OSError), (root / EVENTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def surroundings(here: Here) -> dict[str, Any]:
    """Where and how this start of a run runs: command, hosts, devices, versions; all ranks call it
    together.
    """
    ranks = here.gather((socket.gethostname(), device_name(here.device)))
    return {
        "command": shlex.join([*started_by(sys.argv[0]), *sys.argv[1:]]),
        "directory": str(Path.cwd()),
        "processes": here.place.world,
        "hosts": list(dict.fromkeys(host for host, _ in ranks)),
        "devices": list(dict.fromkeys(device for _, device in ranks)),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cuda": torch.version.cuda,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def started_by(program: str) -> list[str]:
    """The words that start a program again: a package's own file is a module of python."""
    path = Path(program)
    return ["python", "-m", path.parent.name] if path.name == "__main__.py" else [path.name]


def device_name(device: torch.device) -> str:
    """What a person calls a device."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU, {os.cpu_count()} cores"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
