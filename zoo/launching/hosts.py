"""Which machines take part: DeepSpeed's hostfile, this machine's rank, and what can be wrong."""

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import Fault
from zoo.layout import whole_number

LAUNCHERS = ("accelerate", "deepspeed", "torchrun", "slurm")
_LINE = re.compile(r"(\S+)\s+slots=([0-9]{1,9})\s*(#.*)?")


@dataclass(frozen=True)
class Host:
    """A machine and how many processes it takes."""

    name: str
    slots: int


def read_hosts(hostfile: str) -> tuple[list[Host], list[Fault]]:
    """The machines of a hostfile (lines `name slots=8`, `#` comments), and its faults."""
    try:
        lines = Path(hostfile).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or NUL in the name
        return [], [Fault(hostfile, "--hostfile", _reason(error), "a file of lines `host slots=8`")]
    hosts: list[Host] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None or match[2].strip("0") == "":
            faults.append(Fault(hostfile, f"line {number}", text, "`host slots=8`"))
        elif match[1] in {host.name for host in hosts}:
            faults.append(Fault(hostfile, f"line {number}", text, "each host once"))
        else:
            hosts.append(Host(match[1], int(match[2])))
    if not hosts and not faults:
        faults.append(Fault(hostfile, "--hostfile", "no host", "lines `host slots=8`"))
    return hosts, faults


def node_rank(hosts: Sequence[Host], environment: Mapping[str, str]) -> int | None:
    """Which machine this is: NODE_RANK, else the place of its name in the hostfile, else None."""
    said = whole_number(environment.get("NODE_RANK", ""))
    if said is not None:
        return said
    own = socket.gethostname()
    names = {own, own.split(".")[0], *_addresses(own)}
    return next((rank for rank, host in enumerate(hosts) if host.name in names), None)


def launch_faults(
    how: str, nodes: int, per_node: int, hostfile: str | None, environment: Mapping[str, str]
) -> list[Fault]:
    """Everything wrong with the words of `zoo launch`, before anything starts."""
    faults = [
        Fault("command line", key, str(count), "a whole number from 1")
        for key, count in (("--nodes", nodes), ("--per-node", per_node))
        if count < 1
    ]
    if how not in LAUNCHERS:
        return [*faults, Fault("command line", "--with", how, ", ".join(LAUNCHERS))]
    if how == "slurm":
        if hostfile is not None:
            faults.append(
                Fault("command line", "--hostfile", hostfile, "none: Slurm names the hosts")
            )
        return faults
    if hostfile is None:
        if nodes > 1:
            faults.append(
                Fault("command line", "--hostfile", "none", f"a file that names {nodes} hosts")
            )
        return faults
    return [*faults, *_host_faults(how, nodes, per_node, hostfile, environment)]


def _host_faults(
    how: str, nodes: int, per_node: int, hostfile: str, environment: Mapping[str, str]
) -> list[Fault]:
    """What a hostfile lacks for so many machines and processes."""
    hosts, faults = read_hosts(hostfile)
    if faults:
        return faults
    if len(hosts) < nodes:
        faults.append(Fault(hostfile, "--nodes", str(nodes), f"at most {len(hosts)} hosts"))
    for host in hosts[:nodes]:
        if host.slots < per_node:
            allowed = f"at most {host.slots}, the slots of {host.name}"
            faults.append(Fault(hostfile, "--per-node", str(per_node), allowed))
    # pdsh tells the ranks under deepspeed; the others are started on each machine by hand.
    if nodes > 1 and how != "deepspeed":
        rank = node_rank(hosts, environment)
        if rank is None or rank >= nodes:
            found = f"this host, {socket.gethostname()}" if rank is None else f"rank {rank}"
            allowed = f"one of {', '.join(host.name for host in hosts[:nodes])}, or NODE_RANK"
            faults.append(Fault(hostfile, "--hostfile", found, allowed))
    return faults


def _addresses(name: str) -> list[str]:
    try:
        return socket.gethostbyname_ex(name)[2]
    except OSError:
        return []


def _reason(error: Exception) -> str:
    return "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "no file that can be read"
