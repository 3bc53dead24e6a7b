"""`zoo advise` as it is called: every way, JSON, and faults without a traceback."""

import json

import torch.distributed as dist
from typer.testing import CliRunner

from tests.cli.test_verbs import run
from tests.commands import forked
from zoo.cli import app

RECIPE = "gpt2-small-openwebtext"
ASKED = ("--bandwidth", "1Gbit/s", "--nodes", "2")
WAYS = [
    *("fp32 all-reduce", "bf16", "int8", "int4", "top-k", "power-sgd", "local-sgd", "1-bit Adam"),
    *(f"1-bit Adam, ZeRO-1, {codec} down" for codec in ("bf16", "int8", "sign")),
]


def test_advise_prints_every_way_and_the_words_of_the_fastest() -> None:
    done = forked("advise", RECIPE, "--tiny", *ASKED)
    assert done.returncode == 0, done.stderr
    heads, *lines = done.stdout.splitlines()
    assert heads.split("  ")[0] == "way"
    assert heads.rstrip().endswith("pays below")
    for way, line in zip(WAYS, lines, strict=False):
        assert line.startswith(f"{way}  ")
    assert "2 ranks on 2 nodes, 1Gbit/s each way a node; 1 x 8 examples" in done.stdout
    assert lines[len(WAYS) + 5].startswith("left out: 0/1 Adam: ")
    assert lines[len(WAYS) + 6].startswith("fastest: ")


def test_advise_as_json_has_the_same_ways_and_bytes_and_leaves_no_group() -> None:
    done = CliRunner().invoke(app, ["advise", RECIPE, "--tiny", "--json", *ASKED])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    ways = {way["way"]: way for way in found["ways"]}
    assert list(ways) == WAYS
    elements = found["calibration"]["elements"]
    assert ways["fp32 all-reduce"]["sent"] == 4 * elements
    assert ways["bf16"]["sent"] == 2 * elements + elements % 2  # padded
    assert ways["local-sgd"]["sent"] == 4 * elements / 16
    assert ways["1-bit Adam"]["dense_share"] == 0.2
    for way in ways.values():
        step = found["compute"] + way["codec"] + way["sent"] * 8 / 1e9
        assert abs(way["step"] - step) < 1e-9
    assert not dist.is_initialized()


def test_a_recipe_with_lamb_is_compared_with_its_own_one_bit_form() -> None:
    lamb = "bert-base-wikipedia-onebit-lamb"
    done = CliRunner().invoke(app, ["advise", lamb, "--tiny", "--json", *ASKED])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    ways = {way["way"]: way for way in found["ways"]}
    assert ways["1-bit LAMB"]["words"] == []
    assert ways["1-bit LAMB"]["sent"] < ways["fp32 all-reduce"]["sent"] / 20
    assert "optimizer.type=Lamb" in ways["fp32 all-reduce"]["words"]
    assert "1-bit Adam" in found["refused"]


def test_faults_of_the_words_and_of_the_recipe_are_said_together_before_torch() -> None:
    words = ("--bandwidth", "fast", "--nodes", "1")
    done = run("advise", RECIPE, "--tiny", "run.stepz=7", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    *faults, torch = done.stderr.splitlines()
    assert torch == "False"
    assert [fault.split(": found ")[0] for fault in faults] == [
        "command line: run.stepz=7: run.stepz",
        "command line: --bandwidth",
        "command line: --nodes",
    ]


def test_a_batch_that_the_ranks_cannot_share_and_a_cut_model_are_refused() -> None:
    done = forked("advise", RECIPE, "--tiny", "--bandwidth", "1Gbit/s", "--nodes", "3")
    assert done.returncode == 2
    assert "16 examples = 2 micro-batches of 8 on 3 data ranks" in done.stderr
    done = forked("advise", RECIPE, "--tiny", *ASKED, "parallel=tensor-2")
    assert done.returncode == 2
    assert "parallel.tensor: found 2; allowed: 1 for zoo advise" in done.stderr
