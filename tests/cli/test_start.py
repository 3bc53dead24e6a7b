"""How a run is told what to do where its folder is there already, by `train` and by `launch`."""

from pathlib import Path

from tests.commands import forked

RECIPE = "gpt2-small-openwebtext"


def test_launch_hands_on_how_to_start() -> None:
    words = ("--tiny", "--from-step", "30", "--accept-data", "--dry-run")
    said = forked("launch", RECIPE, "--with", "torchrun", "--per-node", "2", *words)
    assert said.returncode == 0, said.stderr
    assert "--from-step 30 --accept-data" in said.stdout


def test_starting_over_and_going_back_exclude_each_other(tmp_path: Path) -> None:
    words = ("--tiny", f"run.folder={tmp_path / 'run'}", "--fresh", "--from-step", "3")
    for verb in ("train", "launch"):
        said = forked(verb, RECIPE, *words)
        assert said.returncode == 2 and "--from-step: found beside --fresh" in said.stderr
    assert not (tmp_path / "run").exists()
