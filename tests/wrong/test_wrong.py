"""Wrong inputs: each message names where, what, and a way out that is legal when pasted."""

import functools
import http.server
import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.wrong.pasting import pasted, said, words_of, written

INPUTS = [
    json.loads(line)
    for line in (Path(__file__).parent / "inputs.jsonl").read_text(encoding="utf-8").splitlines()
]
NAMED = [
    pytest.param(case, id=case["why"], marks=[pytest.mark.slow] if case.get("slow") else [])
    for case in INPUTS
]


def test_there_are_a_hundred_of_different_kinds() -> None:
    assert len(INPUTS) >= 100
    assert len({case["why"] for case in INPUTS}) == len(INPUTS)


@pytest.mark.parametrize("case", NAMED)
def test_what_is_proposed_for_a_wrong_input_mends_it_when_pasted(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    written(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = words_of(case)
    code, faults = said(words)
    assert code == 2 and case["key"] in [fault.key for fault in faults]
    fault = next(one for one in faults if one.key == case["key"])
    assert fault.found and fault.allowed and fault.nearest
    is_help = fault.nearest.endswith("--help")
    assert not is_help or "option" in case["why"]
    _, left = said(pasted(words, fault))
    before = {(one.key, one.found) for one in faults} - {(fault.key, fault.found)}
    assert {(one.key, one.found) for one in left} <= before


SLIPS = {
    "predict": ["predict", "runs/reviws", "it was fine"],
    "eval": ["eval", "runs/reviws"],
    "export": ["export", "runs/reviws", "out"],
    "report": ["report", "runs/reviws", "--out", "page.html"],
}


@pytest.mark.slow
def test_the_folder_of_a_run_with_a_slip_is_mended_for_every_verb_that_takes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written({"recipe": {"run.epochs": 1}}, tmp_path)
    monkeypatch.chdir(tmp_path)
    zoo = [sys.executable, "-m", "zoo"]
    subprocess.run([*zoo, "train", "reviews.json"], check=True)
    for words in SLIPS.values():
        code, (fault,) = said(words)
        assert code == 2 and shlex.split(fault.nearest) == ["runs/reviews"]
        subprocess.run([*zoo, *pasted(words, fault)], check=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the files in a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{serving.server_port}"
    serving.shutdown()


def test_shards_without_room_for_their_windows_are_told_how_much_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"text": ["it was good", "it was bad"] * 2, "label": ["yes", "no"] * 2}
    for shard in range(8):
        pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / f"train-{shard}.parquet")
    streamed = {"data.streaming": True, "data.cache_limit": 3000, "data.valid": None}
    written({"recipe": {"data.train": "train", **streamed}}, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["check", "reviews.json", "--deep"]
    code, (fault,) = said(words)
    assert (code, fault.key) == (2, "data.cache_limit")
    assert fault.found == "3000 for 8 shards that a machine reads or fetches at a time"
    assert said(pasted(words, fault)) == (0, [])


def test_shards_of_a_server_are_named_by_their_folder(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"text": ["it was good", "it was bad"] * 8, "label": ["yes", "no"] * 8}
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "reviews.parquet")
    written({"recipe": {"data.train": f"htp://{server}/reviews.parquet"}}, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["check", "reviews.json", "--deep"]
    code, (fault,) = said(words)
    assert (code, fault.key) == (2, "data.train") and fault.found.endswith("which is a URL")
    assert f"data.folder=http://{server}" in fault.nearest
    assert said(pasted(words, fault)) == (0, [])
