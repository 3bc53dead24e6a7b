"""The link that was asked about: how fast, between how many nodes, shared by how many ranks."""

import re
from dataclasses import dataclass

from zoo.errors import ConfigError, Fault

UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_WORD = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)bit(?:/s)?", re.IGNORECASE)
ALLOWED = "a number and a unit: 400kbit/s, 100Mbit/s, 1Gbit/s, 25Gbit/s"


@dataclass(frozen=True)
class Link:
    """One node's way to the others: full duplex, `bits` a second each way.

    The `per_node` ranks of a node share it, and each is taken to send all its bytes over it: what
    ranks of one node send each other would not need it, so this is an upper estimate.
    """

    bits: float
    nodes: int
    per_node: int = 1

    @property
    def ranks(self) -> int:
        """All ranks."""
        return self.nodes * self.per_node

    def seconds(self, sent: float) -> float:
        """How long the ranks of a node take to send `sent` bytes each."""
        return self.per_node * sent * 8 / self.bits


def link_of(bandwidth: str, nodes: int, per_node: int = 1) -> Link:
    """The link of these words of the command line; a ConfigError holds all that is wrong."""
    match = _WORD.fullmatch(bandwidth.strip())
    bits = float(match[1]) * UNITS[match[2].lower()] if match else 0.0
    faults = []
    if not bits:
        number = re.match(r"\d+(\.\d+)?", bandwidth)
        meant = f"{number[0]}Mbit/s" if number and float(number[0]) else "1Gbit/s"
        faults.append(Fault("command line", "--bandwidth", bandwidth, ALLOWED, meant))
    for key, count, least in (("--nodes", nodes, 2), ("--per-node", per_node, 1)):
        if count < least:
            allowed = f"a whole number from {least}"
            faults.append(Fault("command line", key, str(count), allowed, str(least)))
    if faults:
        raise ConfigError(faults)
    return Link(bits, nodes, per_node)


def rate(bits: float) -> str:
    """A bandwidth as a word that `link_of` takes, with three digits."""
    rounded = float(f"{bits:.3g}")
    unit = next((unit for unit in "TGMk" if rounded >= UNITS[unit.lower()]), "")
    return f"{rounded / UNITS[unit.lower()]:g}{unit}bit/s"
