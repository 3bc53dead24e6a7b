"""What a user may expect of chats and preferences: twins learn on the command line, in minutes."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.learning import BARS, cpu_minutes, zoo

TEXT, CHATS = "tinyllama-slimpajama", "tinyllama-ultrachat-sft"
LONG = ("task.sequence_length=256", "model.config.max_position_embeddings=256")
STILL = ("run.steps=1", "optimizer.params.lr=1e-12", "optimizer.scheduler=false")
MOST = 3.0  # CPU minutes


def trained(folder: Path, *words: str) -> tuple[float, float]:
    """The loss on the validation rows at the end of a run, and its CPU minutes."""
    before = cpu_minutes()
    zoo("train", *words, "--tiny", f"run.folder={folder}", "run.report_to=[]", "run.examples=0")
    minutes = cpu_minutes() - before
    scores = json.loads(zoo("eval", str(folder), "--split", "valid", "--json"))
    return scores["valid/loss"], minutes


@pytest.mark.slow
def test_a_base_that_is_fine_tuned_on_chats_answers_better_than_before(tmp_path: Path) -> None:
    base = tmp_path / "base"
    trained(base, TEXT, *LONG, "run.steps=300", "data.max_valid_examples=20")
    from_base = (CHATS, f"model.weights={base}")
    before, _ = trained(tmp_path / "still", *from_base, *STILL)
    after, minutes = trained(tmp_path / "tuned", *from_base, "run.steps=400")
    print(f"loss of chats {before:.3f}, after {minutes:.1f} CPU minutes {after:.3f}")
    assert after < 0.9 * before and minutes < MOST


@pytest.mark.slow
def test_preferences_are_told_on_rows_that_were_not_trained_on(tmp_path: Path) -> None:
    bar, folder, before = BARS["preferences"], tmp_path / "run", cpu_minutes()
    zoo("train", *bar.words(folder))
    minutes = cpu_minutes() - before
    found = {}
    for split in ("valid", "test"):
        scores = json.loads(zoo("eval", str(folder), "--split", split, "--json"))
        found[split] = scores[f"{split}/{bar.score}"]
    print(f"reward accuracy after {minutes:.1f} CPU minutes: {found}")
    assert all(map(bar.holds, found.values())) and minutes < MOST
