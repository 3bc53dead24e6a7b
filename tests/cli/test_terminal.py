"""On a terminal of any width nothing is cut that one has to copy."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.terminal import screen, shown_by
from zoo.cli import VERBS, app
from zoo.cli.examples import EXAMPLES
from zoo.cli.messages import in_lines
from zoo.errors import Fault
from zoo.recipe.compose.catalog import recipes
from zoo.training.logs.screen import fitting

WIDTHS = (60, 80, 120)
ALL = [verb for verbs in VERBS.values() for verb in verbs]


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_list_shows_every_recipe_by_its_whole_name(columns: int) -> None:
    shown = {line.split()[0] for line in screen(columns, "list")}
    assert {file.stem for file in recipes()} <= shown


def test_a_narrow_help_names_every_verb() -> None:
    shown = screen(60, "--help")
    assert {verb for verb in ALL if any(verb in line.split() for line in shown)} == set(ALL)


def test_a_fault_on_a_terminal_stands_in_three_lines_with_its_way_out_in_one_piece() -> None:
    where, *found, way = screen(60, "check", "gpt2-small-openwebtext", "run.foldr=x")
    assert where == "error: command line: run.foldr=x: run.foldr"
    assert way == "  try: run.folder=x"
    words = " ".join(found).split()
    assert "micro_batch," in words and "report_to," in words, "names in one piece"


def test_a_fault_in_a_pipe_is_one_line() -> None:
    words = [sys.executable, "-m", "zoo", "check", "gpt2-small-openwebtext", "run.foldr=x"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("did you mean run.folder=x?\n")


def test_words_longer_than_a_terminal_are_not_cut() -> None:
    path = "/data/" + "x" * 80
    lines = in_lines(Fault("r.json", "data.folder", path, "a folder", f"data.folder={path}"), 40)
    assert f"  try: data.folder={path}" in lines
    assert any(path in line for line in lines)


def test_what_does_not_fit_a_line_is_left_out_from_the_end() -> None:
    assert fitting(["loss 0.5", "lr 1e-3", "8 examples/s"], 20) == "loss 0.5 · lr 1e-3"
    assert fitting(["a long word"], 6) == "a long"


def test_every_verb_has_examples_that_name_it() -> None:
    assert set(EXAMPLES) == set(ALL)
    for verb, examples in EXAMPLES.items():
        assert all(one.split()[:2] == ["zoo", verb] for one in examples), verb
        assert examples, verb


@pytest.mark.parametrize("verb", ALL)
def test_the_help_of_a_verb_ends_with_its_examples(verb: str) -> None:
    told = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "120", "TERM": "dumb"})
    assert told.exit_code == 0 and EXAMPLES[verb][0][:60] in told.output


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("zoo ")


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_run_draws_its_progress_within_the_terminal(columns: int, tmp_path: Path) -> None:
    words = ["gpt2-small-openwebtext", "--tiny", "run.steps=20", "run.log_every=5"]
    shown, written = shown_by(columns, "-m", "zoo", "train", *words, folder=tmp_path)
    assert not any(bar in written for bar in ("Loading weights", "Writing model shards"))
    assert "writing the model" in written and "drawing weights" in written
    heads = ("device", "layout", "parameters", "batch", "steps", "data", "run folder", "to stop")
    told = [line.split("  ")[0] for line in shown]
    first = told.index("device")
    assert [one for one in told[first:] if one in heads] == list(heads)
    assert any("step 20/20" in line for line in shown)
    assert any(line.startswith("loss ") for line in shown)
    assert any(line.startswith("loading libraries") for line in shown)
