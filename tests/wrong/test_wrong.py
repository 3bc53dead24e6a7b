"""Wrong inputs: each message names where, what, and a way out that is legal when pasted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.wrong.pasting import pasted, said, words_of, written

INPUTS = [
    json.loads(line)
    for line in (Path(__file__).parent / "inputs.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", INPUTS, ids=lambda case: case["why"])
def test_what_is_proposed_for_a_wrong_input_mends_it_when_pasted(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = words_of(case)
    code, faults = said(words)
    assert code == 2 and case["key"] in [fault.key for fault in faults]
    fault = next(one for one in faults if one.key == case["key"])
    assert fault.found and fault.allowed and fault.nearest
    _, left = said(pasted(words, fault))
    before = {(one.key, one.found) for one in faults} - {(fault.key, fault.found)}
    assert {(one.key, one.found) for one in left} <= before
