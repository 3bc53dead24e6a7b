"""From what was asked to how many processes there are, and what they run on."""

from collections.abc import Mapping, Sequence

from zoo.launching.commands import LAUNCHERS
from zoo.launching.hosts import Host, node_rank, read_hosts
from zoo.launching.processes import Asked, Processes, on_cpu, visible_gpus

NAMES_GPUS = ("--gpus", "--gres", "-G")
"""How words of sbatch begin that ask for GPUs."""


def settled(asked: Asked, environment: Mapping[str, str]) -> Processes:
    """What was asked for, with what the hostfile and the environment say of the rest.

    Without a number the hostfile's hosts and slots count, without a hostfile one process.
    """
    hosts = read_hosts(asked.hostfile)[0] if asked.hostfile else []
    nodes = asked.nodes if asked.nodes is not None else max(1, len(hosts))
    taken = hosts[:nodes]
    per_node = asked.per_node if asked.per_node is not None else _fewest_slots(taken)
    elsewhere = asked.how in LAUNCHERS and LAUNCHERS[asked.how].names_hosts
    if elsewhere:  # this is a login node, whose own devices say nothing
        rank, cpu, visible = None, environment.get("DS_ACCELERATOR") == "cpu", None
    else:
        rank = node_rank(taken, environment) if taken else 0
        cpu, visible = on_cpu(environment), visible_gpus(environment)
    return Processes(
        nodes=nodes,
        per_node=per_node,
        hostfile=asked.hostfile,
        cpu=cpu or asked.gpus_per_node == 0,
        head=taken[0].name if taken else "127.0.0.1",
        rank=rank,
        port=asked.port,
        gpus_per_node=_gpus_of_slurm(asked, 0 if cpu else per_node),
        visible=visible,
        sbatch=asked.sbatch,
    )


def _fewest_slots(hosts: Sequence[Host]) -> int:
    return min((host.slots for host in hosts), default=1)


def _gpus_of_slurm(asked: Asked, wanted: int) -> int:
    """How many GPUs of a node Slurm is asked for, unless words for sbatch ask for them."""
    if asked.gpus_per_node is not None:
        return asked.gpus_per_node
    return 0 if any(word.startswith(NAMES_GPUS) for word in asked.sbatch) else wanted
