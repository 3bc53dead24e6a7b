"""Predicted steps and break-evens on numbers worked by hand."""

import pytest

from zoo.planning.advice import ALWAYS, NEVER, Calibration, Cost, Passes, break_even, predicted
from zoo.planning.link import Link, link_of
from zoo.planning.ways import WHOLE, Question, Way, dense_share, question
from zoo.recipe import load_recipe

RECIPE = "gpt2-small-openwebtext"
LR = "optimizer.params.lr=1e-3"


def test_below_its_break_even_a_way_is_faster() -> None:
    # 55.2 - 1.8 MB are 427.2 Mbit, for 0.0854 s more: 5.002 Gbit/s
    whole, way = Cost(0.01, 55.2e6), Cost(0.0954, 1.8e6)
    found = break_even(way, whole)
    assert found == pytest.approx(427.2e6 / 0.0854)
    for bits, faster in ((found * 0.99, True), (found * 1.01, False)):
        link = Link(bits, 2)
        steps = [cost.seconds + link.seconds(cost.sent) for cost in (way, whole)]
        assert (steps[0] < steps[1]) == faster


def test_a_node_of_many_ranks_breaks_even_at_as_many_times_the_bandwidth() -> None:
    way, whole = Cost(1.5, 1e6), Cost(0.5, 3e6)
    assert break_even(way, whole) == 16e6
    assert break_even(way, whole, 4) == 64e6


def test_what_costs_nothing_always_pays_and_what_sends_as_much_never() -> None:
    whole = Cost(0.5, 3e6)
    assert break_even(Cost(0.4, 1e6), whole) == ALWAYS
    assert break_even(Cost(0.4, 3e6), whole) == NEVER


def test_a_step_is_passes_codec_and_link_and_the_mean_counts_dense_steps() -> None:
    recipe = load_recipe(RECIPE, ["run.steps=100"], True)
    short = load_recipe(
        RECIPE,
        ["run.steps=100", "optimizer.type=OneBitAdam", LR, "optimizer.params.freeze_step=0.2"],
        True,
    )
    ways = (Way(WHOLE, (), recipe), Way("1-bit", (), short), Way("no", (), None, "because"))
    costs = {WHOLE: Cost(0.25, 125e6), "1-bit": Cost(0.75, 12.5e6)}
    found = Calibration(Passes(0.5, 8, 8), 2, costs, 1, 1, 100, "cpu", 1)
    whole, way = predicted(Question(recipe, link_of("1Gbit/s", 2), ways), found)
    assert (whole.step, whole.mean, whole.faster) == pytest.approx((2.25, 2.25, 1))
    assert (way.link, way.step, way.dense_share) == pytest.approx((0.1, 1.85, 0.2))
    assert way.mean == pytest.approx(0.2 * 2.25 + 0.8 * 1.85)
    assert way.faster == pytest.approx(2.25 / 1.93)
    assert way.pays_below == pytest.approx(112.5e6 * 8 / 0.5)


@pytest.mark.parametrize(
    ("words", "share"),
    [
        ([], 0.0),
        (["parallel.zero.stage=0", "parallel.compression.kind=int8"], 0.0),
        (["parallel.zero.stage=0", "parallel.compression.kind=int4"], 0.1),
        (["optimizer.type=OneBitAdam", LR, "optimizer.params.freeze_step=300"], 0.25),
    ],
)
def test_the_dense_share_is_that_of_freeze_or_start(words: list[str], share: float) -> None:
    assert dense_share(load_recipe(RECIPE, words, True), 1200) == share


def test_what_the_rules_refuse_is_said_and_not_compared() -> None:
    words = ["optimizer.type=Lion", "optimizer.params.lr=1e-3"]
    ways = {way.name: way for way in question(RECIPE, words, True, "1Gbit/s", 2, 1).ways}
    assert ways["int8"].recipe is not None
    assert ways["int4"].recipe is None
    assert "found int4 with Lion" in ways["int4"].refused
    assert ways["1-bit Adam"].refused == "optimizer.type: found Lion; allowed: Adam, AdamW"


def test_the_words_of_a_way_keep_rates_and_decay() -> None:
    ways = {way.name: way for way in question(RECIPE, [], True, "1Gbit/s", 2, 1).ways}
    one_bit = ways["1-bit Adam, ZeRO-1, sign down"]
    assert one_bit.words == (
        "optimizer.type=OneBitAdam",
        "optimizer.params.lr=0.005",
        "optimizer.params.betas=[0.9,0.98]",
        "optimizer.params.weight_decay=0.1",
        "optimizer.params.freeze_step=0.2",
        "optimizer.params.parameter_codec=sign",
    )
    assert load_recipe(RECIPE, one_bit.words, True).parallel.zero["stage"] == 1
