"""The order of a layout's axes, held against DeepSpeed's own topology; the groups made of it."""

import pytest
import torch.distributed as dist

from zoo.engines.groups import Groups
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


def made(layout: Layout, rank: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Groups, list[object]]:
    """A rank's groups, and all that it made, in their order; a group is its ranks here."""
    order: list[object] = []
    monkeypatch.setattr(dist, "new_group", lambda ranks, timeout: order.append(ranks) or ranks)
    return Groups.of(layout, rank), order


def test_data_ranks_that_are_the_world_need_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    found, order = made(Layout.of(data=4), 3, monkeypatch)
    assert order == []
    assert found.along("data") is found.along("tensor") is found.along("pipe", "tensor") is None


@pytest.mark.parametrize("rank", range(8))
def test_groups_are_made_in_one_order_on_every_rank(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.of(pipe=2, data=2, tensor=2)
    found, order = made(layout, rank, monkeypatch)
    along = [layout.peers("data"), layout.peers("tensor"), layout.peers("pipe", "tensor")]
    assert order == [ranks for groups in along for ranks in groups]
    for axes in (("data",), ("tensor",), ("pipe", "tensor")):
        assert rank in found.along(*axes) and found.along(*axes) in layout.peers(*axes)
    with pytest.raises(AssertionError, match="no group is made along"):
        found.along("pipe")


def test_one_data_rank_of_several_stages_is_a_group_and_one_tensor_rank_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = made(Layout.of(pipe=2), 1, monkeypatch)
    assert found.along("data") == [1], "no group would mean the world"
    assert found.along("tensor") is None and found.along("pipe", "tensor") == [0, 1]
