"""What can be wrong with the words of `zoo launch`."""

import socket
from collections.abc import Mapping

from zoo.errors import Fault
from zoo.launching.commands import LAUNCHERS
from zoo.launching.hosts import node_rank, read_hosts


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
    launcher = LAUNCHERS[how]
    if launcher.names_hosts:
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
    if nodes > 1 and not LAUNCHERS[how].starts_all:
        rank = node_rank(hosts, environment)
        if rank is None or rank >= nodes:
            found = f"this host, {socket.gethostname()}" if rank is None else f"rank {rank}"
            allowed = f"one of {', '.join(host.name for host in hosts[:nodes])}, or NODE_RANK"
            faults.append(Fault(hostfile, "--hostfile", found, allowed))
    return faults
