"""The order of a layout's axes, held against DeepSpeed's own topology."""

import pytest

from zoo.engines.upstream import topology
from zoo.layout import Layout

LAYOUTS = [
    Layout.of(pipe=p, data=d, tensor=t) for p in (1, 2, 3) for d in (1, 2, 4) for t in (1, 2)
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=Layout.describe)
def test_ranks_stand_where_deepspeed_puts_them(layout: Layout) -> None:
    upstream = topology(layout)
    assert upstream.world_size() == layout.world
    for rank in range(layout.world):
        place = upstream.get_coord(rank)
        mine = (layout.stage(rank), layout.data_rank(rank), layout.tensor_rank(rank))
        assert (place.pipe, place.data, place.model) == mine


@pytest.mark.parametrize("layout", LAYOUTS, ids=Layout.describe)
def test_peers_are_the_communicators_of_deepspeed(layout: Layout) -> None:
    upstream = topology(layout)
    for ours, theirs in (("pipe", "pipe"), ("data", "data"), ("tensor", "model")):
        groups = [ranks for ranks in layout.peers(ours) if len(ranks) > 1]
        assert sorted(groups) == sorted(r for r in upstream.get_axis_comm_lists(theirs) if r[1:])


def test_peers_over_two_axes_hold_a_whole_model() -> None:
    layout = Layout.of(pipe=2, data=2, tensor=2)
    groups = layout.peers("pipe", "tensor")
    assert groups == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert all(len({layout.data_rank(rank) for rank in group}) == 1 for group in groups)
