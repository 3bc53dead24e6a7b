"""What can be wrong with the words of `zoo launch`."""

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence

from zoo.errors import Fault, near
from zoo.launching.commands import LAUNCHERS
from zoo.launching.hosts import Host, read_hosts
from zoo.launching.processes import PORT, Asked, Processes, port_is_taken
from zoo.launching.settle import settled
from zoo.launching.shell import shell_faults
from zoo.layout import working_directory

LAST_PORT = 65535
COUNTED = ("--nodes", "-N", "--ntasks", "-n", "--ntasks-per-node")
"""Words of sbatch that `zoo launch` writes itself."""


def launch_faults(asked: Asked, environment: Mapping[str, str]) -> list[Fault]:
    """Everything wrong with the words of `zoo launch`, before anything starts."""
    faults = [*_count_faults(asked)]
    if asked.how not in LAUNCHERS:
        meant = near(asked.how, LAUNCHERS) or Asked.how
        return [*faults, _said("--with", asked.how, ", ".join(LAUNCHERS), meant)]
    hosts, unreadable = read_hosts(asked.hostfile) if asked.hostfile else ([], [])
    processes = settled(asked, environment)
    if LAUNCHERS[asked.how].names_hosts:
        return [*faults, *_slurm_faults(asked, processes)]
    faults += _words_of_slurm(asked)
    if asked.hostfile is None:
        if processes.nodes > 1:
            faults.append(_said("--hostfile", "none", f"a file that names {processes.nodes} hosts"))
    elif unreadable:
        return [*faults, *unreadable]
    else:
        faults += _host_faults(asked, processes, hosts)
    if LAUNCHERS[asked.how].starts_all and not processes.here:
        places = {"working directory": str(working_directory()), "interpreter": sys.executable}
        faults += shell_faults(places, environment)
    return [*faults, *_machine_faults(asked, processes)]


def _count_faults(asked: Asked) -> Iterator[Fault]:
    """Numbers that are none of their kind."""
    for key, count in (("--nodes", asked.nodes), ("--per-node", asked.per_node)):
        if count is not None and count < 1:
            yield _said(key, str(count), "a whole number from 1", "1")
    if asked.gpus_per_node is not None and asked.gpus_per_node < 0:
        yield _said("--gpus-per-node", str(asked.gpus_per_node), "a whole number from 0", "0")
    if asked.port is not None and not 0 < asked.port <= LAST_PORT:
        yield _said("--port", str(asked.port), f"1 to {LAST_PORT}", str(PORT))


def _slurm_faults(asked: Asked, processes: Processes) -> Iterator[Fault]:
    """What Slurm cannot be asked for."""
    if asked.hostfile is not None:
        yield _said("--hostfile", asked.hostfile, "none: Slurm names the hosts")
    if 0 < processes.gpus_per_node < processes.per_node:
        found = f"{processes.gpus_per_node} for {processes.per_node} processes"
        yield _said("--gpus-per-node", found, f"0, or {processes.per_node} at least: one a process")
    for word in asked.sbatch:
        if not word.startswith("-") or not word.strip("-"):
            yield _said("--sbatch", word, "one option of sbatch, as --sbatch --time=1:00:00")
        elif word.split("=")[0] in COUNTED or word.startswith(("-N", "-n")):
            yield _said("--sbatch", word, "--nodes and --per-node of zoo launch, which count")


def _words_of_slurm(asked: Asked) -> Iterator[Fault]:
    """Words that no other launcher has a use for."""
    if asked.gpus_per_node is not None:
        yield _said("--gpus-per-node", str(asked.gpus_per_node), "nothing but with --with slurm")
    if asked.sbatch:
        yield _said("--sbatch", " ".join(asked.sbatch), "nothing but with --with slurm")


def _host_faults(asked: Asked, processes: Processes, hosts: Sequence[Host]) -> Iterator[Fault]:
    """What a hostfile lacks for so many machines and processes."""
    file, taken = str(asked.hostfile), hosts[: processes.nodes]
    if len(hosts) < processes.nodes:
        yield Fault(file, "--nodes", str(processes.nodes), f"at most {len(hosts)} hosts")
    if asked.per_node is None and len({host.slots for host in taken}) > 1:
        found = ", ".join(f"{host.name} slots={host.slots}" for host in taken)
        yield Fault(file, "--per-node", found, "equal slots, or --per-node: processes on each")
    for host in taken:
        if host.slots < processes.per_node:
            allowed = f"at most {host.slots}, the slots of {host.name}"
            yield Fault(file, "--per-node", str(processes.per_node), allowed)
    # pdsh tells the ranks under deepspeed; the others are started on each machine by hand.
    rank = processes.rank
    if not LAUNCHERS[asked.how].starts_all and (rank is None or rank >= processes.nodes):
        found = f"this host, {socket.gethostname()}" if rank is None else f"rank {rank}"
        allowed = f"one of {', '.join(host.name for host in taken)}, or NODE_RANK"
        yield Fault(file, "--hostfile", found, allowed)


def _machine_faults(asked: Asked, processes: Processes) -> Iterator[Fault]:
    """What this machine cannot give: a port where it is the head, GPUs where it is alone."""
    port = asked.port or (PORT if processes.nodes > 1 else 0)
    if processes.rank == 0 and 0 < port <= LAST_PORT and port_is_taken(port):
        allowed = "a free one, or none: one is chosen" if processes.here else "a free one"
        yield _said("--port", f"{port}, which is taken", allowed)
    visible = processes.visible
    if visible is None or not processes.here:
        return
    if len(visible) < processes.per_node:
        allowed = f"at most {len(visible)}, the GPUs in CUDA_VISIBLE_DEVICES"
        yield _said("--per-node", str(processes.per_node), allowed)
    if LAUNCHERS[asked.how].numbers_gpus and not all(name.isdecimal() for name in visible):
        found = f"{asked.how} with CUDA_VISIBLE_DEVICES={','.join(visible)}"
        yield _said("--with", found, "torchrun, accelerate, or GPUs by their numbers")


def _said(key: str, found: str, allowed: str, nearest: str = "") -> Fault:
    """A fault of a word of the command line."""
    return Fault("command line", key, found, allowed, nearest)
