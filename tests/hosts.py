"""Hosts for tests: network namespaces on this machine, joined by a switch of a chosen speed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
PORT = 29517


class NoHosts(Exception):
    """Network namespaces are not allowed here."""


@dataclass(frozen=True)
class Host:
    """One namespace: its name, address and interface."""

    name: str
    address: str
    interface: str

    def sent(self) -> int:
        """Bytes that left this host since it was made."""
        words = ["ip", "-n", self.name, "-s", "-j", "link", "show", self.interface]
        return int(json.loads(call(*words))[0]["stats64"]["tx"]["bytes"])

    def start(self, argv: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """Starts a command on this host."""
        own = os.environ | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "DS_ACCELERATOR": "cpu",
            "GLOO_SOCKET_IFNAME": self.interface,
            **environment,
        }
        words = ["ip", "netns", "exec", self.name, *argv]
        return subprocess.Popen(
            words, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@contextmanager
def hosts(count: int, mbit: int | None = None) -> Iterator[list[Host]]:
    """`count` hosts at one switch, each link `mbit` Mbit/s in both directions; NoHosts without."""
    tag = f"z{os.getpid() % 100000}"
    switch = f"{tag}s"
    made = [Host(f"{tag}h{n}", f"10.77.0.{n + 1}", f"{tag}v{n}") for n in range(count)]
    try:
        try:
            call("ip", "netns", "add", switch)
            call("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
            call("ip", "-n", switch, "link", "set", "br0", "up")
            for host in made:
                plug(host, switch, mbit)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoHosts(f"no network namespaces here: {error}") from error
        yield made
    finally:
        for name in (switch, *(host.name for host in made)):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def plug(host: Host, switch: str, mbit: int | None) -> None:
    """Joins a host to the switch."""
    port = f"{host.interface}p"
    call("ip", "netns", "add", host.name)
    call("ip", "link", "add", host.interface, "type", "veth", "peer", "name", port)
    call("ip", "link", "set", host.interface, "netns", host.name)
    call("ip", "link", "set", port, "netns", switch)
    call("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
    call("ip", "-n", host.name, "addr", "add", f"{host.address}/24", "dev", host.interface)
    call("ip", "-n", host.name, "link", "set", host.interface, "up")
    call("ip", "-n", host.name, "link", "set", "lo", "up")
    if mbit:
        rate = ["tbf", "rate", f"{mbit}mbit", "burst", "128kb", "latency", "400ms"]
        call("tc", "-n", host.name, "qdisc", "add", "dev", host.interface, "root", *rate)
        call("tc", "-n", switch, "qdisc", "add", "dev", port, "root", *rate)


def call(*argv: str) -> str:
    """Runs a command that must succeed and returns what it printed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def torchrun(host: Host, first: Host, rank: int, nodes: int, words: Sequence[str]) -> list[str]:
    """The words that start one process of a run on a host; `first` is where they meet."""
    return [
        *("torchrun", "--nnodes", str(nodes), "--nproc_per_node", "1", "--node_rank", str(rank)),
        *("--master_addr", first.address, "--master_port", str(PORT), *words),
    ]


def run_on(made: Sequence[Host], words: Sequence[str], timeout: float = 600) -> None:
    """Runs `torchrun <words>` with one process on each host and waits; raises with what failed."""
    processes = [
        host.start(torchrun(host, made[0], rank, len(made), words))
        for rank, host in enumerate(made)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=timeout)
            if process.returncode:
                raise RuntimeError(errors[-3000:])
    finally:
        for process in processes:
            process.kill()
