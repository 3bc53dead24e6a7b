"""How far a run is, as checkpoints of this and of older versions say it."""

from zoo.training.progress import Progress


def test_a_checkpoint_says_by_which_rules_its_rows_were_drawn() -> None:
    now = Progress(step=3)
    assert Progress.from_json(now.to_json()) == now and not now.other_draws()
    older = Progress.from_json({"step": 3})
    [line] = older.other_draws()
    assert "more than 2^20 rows have another order" in line
    assert not older.other_draws() and Progress.from_json(older.to_json()) == now
