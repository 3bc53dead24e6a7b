"""Which machines take part: DeepSpeed's hostfile, and this machine's rank."""

import re
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import Fault, near
from zoo.layout import whole_number

_LINE = re.compile(r"(\S+)\s+slots=([0-9]{1,9})\s*(#.*)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._:][A-Za-z0-9._:-]*")


@dataclass(frozen=True)
class Host:
    """A machine and how many processes it takes."""

    name: str
    slots: int


def read_hosts(hostfile: str) -> tuple[list[Host], list[Fault]]:
    """The machines of a hostfile (lines `name slots=8`, `#` comments), and its faults.

    A name is one that no program takes for an option, a pattern or shell text.
    """
    try:
        lines = Path(hostfile).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or NUL in the name
        allowed, way = "a file of lines `host slots=8`", _file_meant(Path(hostfile))
        return [], [Fault(hostfile, "--hostfile", _reason(error), allowed, way)]
    hosts: list[Host] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None or match[2].strip("0") == "":
            way = f"line {number}: {_line_meant(text)}"
            faults.append(Fault(hostfile, f"line {number}", text, "`host slots=8`", way))
        elif not _NAME.fullmatch(match[1]):
            allowed = "a name of letters, digits and ._:- that does not begin with -"
            faults.append(Fault(hostfile, f"line {number}", match[1], allowed))
        elif match[1] in {host.name for host in hosts}:
            faults.append(Fault(hostfile, f"line {number}", text, "each host once"))
        else:
            hosts.append(Host(match[1], int(match[2])))
    if not hosts and not faults:
        faults.append(Fault(hostfile, "--hostfile", "no host", "lines `host slots=8`"))
    return hosts, faults


def _line_meant(text: str) -> str:
    """A line with the slots that it seems to say."""
    name, *rest = text.replace("=", " ").replace(":", " ").split()
    slots = next((word for word in rest if word.isdecimal() and word.strip("0")), "1")
    return f"{name} slots={slots}"


def _file_meant(path: Path) -> str:
    """The file beside one that is called alike; else the command that writes one of this host."""
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    if spelled := near(path.name, [name for name in beside if name != path.name]):
        return shlex.quote(str(path.with_name(spelled)))
    is_free = path.parent.is_dir() and not path.exists()
    return f"echo localhost slots=1 > {shlex.quote(str(path))}" if is_free else ""


def node_rank(hosts: Sequence[Host], environment: Mapping[str, str]) -> int | None:
    """Which machine this is: NODE_RANK, else the place of its name in the hostfile, else None."""
    said = whole_number(environment.get("NODE_RANK", ""))
    if said is not None:
        return said
    own = socket.gethostname()
    names = {"localhost", "127.0.0.1", own, own.split(".")[0], *_addresses(own)}
    return next((rank for rank, host in enumerate(hosts) if host.name in names), None)


def _addresses(name: str) -> list[str]:
    try:
        return socket.gethostbyname_ex(name)[2]
    except OSError:
        return []


def _reason(error: Exception) -> str:
    return "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "no file that can be read"
