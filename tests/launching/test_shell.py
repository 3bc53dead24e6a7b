"""Words that go through a shell of another machine arrive there as they were typed."""

import json
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest

import zoo.cli
from zoo.errors import ConfigError
from zoo.launching.commands import command
from zoo.launching.faults import launch_faults
from zoo.launching.processes import Asked
from zoo.launching.settle import settled
from zoo.launching.shell import arrived, sent

HARD = [
    'optimizer.groups={"*.bias":{"lr":1e-4}}',
    "run.folder=$(touch x)",
    "run.folder=`touch x`; touch x & touch x | cat > x",
    "run.folder=a%n%h~*?[a]{b,c}#!\\",
    'run.folder=it\'s "so"',
    "run.folder=two\nlines\tand \u00e4",
    "",
]


def hosts(folder: Path) -> str:
    file = folder / "hosts"
    file.write_text("one slots=1\ntwo slots=1\n")
    return str(file)


def remote_words(folder: Path, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `python -m deepspeed.launcher.launch` gets on the second host, by DeepSpeed's own way:
    one text out of all words, %n replaced by pdsh, read by a shell.
    """
    from deepspeed.launcher.multinode_runner import PDSHRunner
    from deepspeed.launcher.runner import parse_args

    recorder = folder / "python"
    recorder.write_text(f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv, sys.stdout)\n")
    recorder.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(recorder))
    processes = settled(Asked("deepspeed", hostfile=hosts(folder)), {})
    args = parse_args(command("r.json", "deepspeed", processes, changes=words)[1:])
    args = Namespace(**{**vars(args), "master_addr": "one"})
    pdsh, _, _ = PDSHRunner(args, "e30=").get_cmd({}, {"one": [0], "two": [0]})
    text = " ".join(pdsh[pdsh.index("one,two") + 1 :]).replace("%n", "1").replace("%h", "two")
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("word", HARD)
def test_a_word_is_no_shell_text_on_the_machines_of_a_hostfile(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    *_, verb, encoded = remote_words(tmp_path, [word, "run.steps=5"], monkeypatch)
    assert verb == "train-encoded"
    assert arrived(encoded) == ["r.json", word, "run.steps=5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts", "python"]


def test_plain_words_can_be_read_on_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = remote_words(tmp_path, ["run.steps=5", "model=gpt2-small"], monkeypatch)
    assert found[-4:] == ["train", "r.json", "run.steps=5", "model=gpt2-small"]


def test_encoded_words_train_as_the_words_would(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gpt2-small-openwebtext", "--tiny", "run.steps=$(touch x)"]
    said = []
    for argv in (["train", *words], sent(words)):
        monkeypatch.setattr(sys, "argv", ["zoo", *argv])
        with pytest.raises(SystemExit, match="2"):
            zoo.cli.main()
        said.append(capsys.readouterr().err)
    assert said[0] == said[1] and 'found "$(touch x)"' in said[0]


@pytest.mark.parametrize("text", ["", "%%%", "e30=", "WzFd", "W1tdXQ==", "\u00e4"])
def test_what_is_no_encoded_words_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="found no encoded words"):
        arrived(text)


def test_paths_and_variables_that_deepspeed_writes_into_the_text_must_be_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, odd = Asked("deepspeed", hostfile=hosts(tmp_path)), tmp_path / "$(touch x)"
    odd.mkdir()
    monkeypatch.chdir(odd)
    environment = {
        "PYTHONPATH": "a b:c",
        "NCCL_DEBUG_FILE": "/tmp/%h",
        "NCCL_X": "`id`",
        "B": "$(c)",
    }
    faults = launch_faults(asked, environment)
    assert [(fault.key, fault.found) for fault in faults] == [
        ("working directory", str(odd)),
        ("NCCL_X", "`id`"),
    ]
    assert launch_faults(Asked("deepspeed", per_node=2), environment) == []


PDSH = """
shift 5
number=0
for host in one two; do
    bash -c "$(printf '%s' "$*" | sed "s/%n/$number/g")" &
    number=$((number + 1))
done
wait
"""


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_two_hosts_train_with_words_that_a_shell_would_have_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    for name, body in (("pdsh", PDSH), ("ssh", "echo 127.0.0.1")):
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.chdir(tmp_path)
    words = ["gpt2-small-openwebtext", "--tiny", "run.steps=2", "run.folder=$(touch x)", HARD[0]]
    script = [str(root / "launchers" / "hosts.sh"), hosts(tmp_path), *words]
    subprocess.run(script, check=True, timeout=240)
    written = json.loads((tmp_path / "$(touch x)" / "recipe.json").read_text())
    assert written["optimizer"]["groups"] == {"*.bias": {"lr": 1e-4}}
    assert not (tmp_path / "x").exists()
    assert shutil.which("pdsh") == str(tmp_path / "pdsh")
