"""`zoo predict` as a user meets it: answers on stdout, refusals on stderr, an exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import forked
from zoo.errors import ConfigError
from zoo.predicting.exported import exported


def test_the_real_command_answers_the_good_and_names_the_bad(trained, tmp_path: Path) -> None:
    made = trained("sequence-classification")
    words = ["the quick fox", "", "missing.txt", "brown"]
    torn = "caf\udce9"  # a byte of an argument that is no UTF-8
    zoo = [sys.executable, "-m", "zoo", "predict", str(made.folder), *words]
    done = subprocess.run([*zoo, torn, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "'': an empty text",
        "missing.txt: no such file",
        "caf\\udce9: text: not UTF-8",
    ]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["input"] for line in lines] == [*words, "caf\\udce9"]
    wanted = made.predictor().answers([{"text": words[0]}, {"text": words[3]}])
    for line, answer in zip((lines[0], lines[3]), wanted, strict=True):
        assert line.keys() == {"input", "label", "score", "top"}
        assert line["label"] == answer["label"]
        assert line["score"] == pytest.approx(answer["score"], abs=1e-6)
    assert all(line.keys() == {"input", "error"} for line in lines[1:3])


def test_images_and_other_files_are_told_apart(trained, kept, tmp_path: Path) -> None:
    made = trained("image-classification")
    note, folder = tmp_path / "note.txt", tmp_path / "out"
    note.write_text("no image")
    words = [str(kept(made.rows[0], "a.png")), str(note), str(tmp_path / "b.png")]
    done = forked("predict", str(made.folder), *words, "--out", str(folder), "--top", "1")
    assert done.returncode == 2
    assert done.stdout.startswith(f"{words[0][:57]}") and len(done.stdout.splitlines()) == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{note}: cannot identify image") and second.endswith("no such file")
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert [line["input"] for line in lines] == words
    assert len(lines[0]["top"]) == 1 and "error" in lines[1] and "error" in lines[2]


def test_torn_clips_are_named(trained, kept, tmp_path: Path) -> None:
    made = trained("ctc")
    good, torn = kept(made.rows[0], "good.wav"), tmp_path / "torn.wav"
    torn.write_bytes(good.read_bytes()[:200])
    done = forked("predict", str(made.folder), str(torn), str(good))
    assert done.returncode == 2
    assert done.stderr.startswith(f"{torn}: truncated") and "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_text_streams_behind_its_prompt(trained) -> None:
    made = trained("causal-lm")
    predictor = made.predictor(max_new_tokens=5)
    text = predictor.answers([predictor.read({"text": "fox"})])[0]["text"]
    done = forked("predict", str(made.folder), "fox", "--max-new-tokens", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"fox: {text}\n"


def test_a_run_without_an_export_says_how_to_make_one(trained, tmp_path: Path) -> None:
    made = trained("sequence-classification")
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.json").write_text((made.folder / "recipe.json").read_text())
    with pytest.raises(ConfigError, match=f"zoo export {run}"):
        exported(run)
    made.folder.rename(run / "model")
    assert exported(run).folder == run / "model"
    with pytest.raises(ConfigError, match="no folder"):
        exported(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="--device"):
        exported(run, "tpu")
