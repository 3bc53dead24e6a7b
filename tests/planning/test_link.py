"""The words of a bandwidth, and what is wrong with others."""

import pytest

from zoo.errors import ConfigError
from zoo.planning.link import Link, link_of, rate

GOOD = {
    "100Mbit/s": 1e8,
    "1Gbit/s": 1e9,
    "25gbit/s": 25e9,
    "400kbit/s": 4e5,
    "2.5GBIT": 2.5e9,
    "9600bit/s": 9600.0,
}
UNIT = "allowed: a number and a unit: 400kbit/s, 100Mbit/s, 1Gbit/s, 25Gbit/s"


@pytest.mark.parametrize("word", GOOD)
def test_a_bandwidth_is_bits_a_second(word: str) -> None:
    assert link_of(word, 2) == Link(GOOD[word], 2, 1)


@pytest.mark.parametrize("word", ["fast", "1GB/s", "0Gbit/s", "-1Gbit/s", "1e9", "", "1 Gbit/h"])
def test_another_word_is_a_fault(word: str) -> None:
    with pytest.raises(ConfigError) as error:
        link_of(word, 2)
    (fault,) = error.value.faults
    assert str(fault).startswith(f"command line: --bandwidth: found {word}; {UNIT}")
    assert link_of(fault.nearest, 2).bits > 0, "what is proposed is one"


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        link_of("fast", 1, 0)
    assert str(error.value).splitlines() == [
        f"command line: --bandwidth: found fast; {UNIT}; did you mean 1Gbit/s?",
        "command line: --nodes: found 1; allowed: a whole number from 2; did you mean 2?",
        "command line: --per-node: found 0; allowed: a whole number from 1; did you mean 1?",
    ]


def test_the_ranks_of_a_node_share_its_link() -> None:
    assert Link(1e9, 2).seconds(125e6) == 1.0
    assert Link(1e9, 2, 4).seconds(125e6) == 4.0
    assert Link(1e9, 2, 4).ranks == 8


@pytest.mark.parametrize("word", ["1Gbit/s", "2.5Gbit/s", "999Mbit/s", "400kbit/s", "7bit/s"])
def test_a_rate_is_the_word_of_its_bandwidth(word: str) -> None:
    assert rate(link_of(word, 2).bits) == word


def test_a_rate_is_rounded_before_its_unit_is_chosen() -> None:
    assert rate(999_999_999.0) == "1Gbit/s"
