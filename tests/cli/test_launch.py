"""`zoo launch` and `zoo check` where the number of processes is named."""

import sys
from pathlib import Path

import pytest

import zoo.cli
from zoo.launching.processes import free_port
from zoo.training.disk.lease import take

RECIPE = ("gpt2-small-openwebtext", "--tiny")
DIVIDES = "launcher: parallel: found 2 stages x 2 tensor ranks on 3 processes; allowed: a number of"
SHARES = "run.batch: found 16 examples = 2 micro-batches of 8 on 7 data ranks"


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `zoo WORDS` in this process."""
    monkeypatch.setattr(sys, "argv", ["zoo", *words])
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    with pytest.raises(SystemExit) as end:
        zoo.cli.main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("check", *RECIPE, "--world-size", "7"), SHARES),
        (("check", *RECIPE, "--world-size", "3", "parallel=hybrid-2x2"), DIVIDES),
        (("launch", *RECIPE, "--per-node", "7"), SHARES),
        (("launch", *RECIPE, "--per-node", "3", "parallel=hybrid-2x2", "--dry-run"), DIVIDES),
        (("launch", *RECIPE, "--with", "slurm", "--nodes", "7"), SHARES),
        (("launch", *RECIPE, "--port", "0", "--per-node", "7"), SHARES),
    ],
)
def test_a_number_of_processes_is_checked_where_it_is_named(
    words: tuple[str, ...],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = said(monkeypatch, capsys, *words)
    assert (code, out) == (2, "")
    assert fault in err
    assert ("--port: found 0" in err) == ("--port" in words)


def test_words_for_slurm_and_a_port_reach_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--with", "slurm", "--nodes", "2", "--port", "29777", "--sbatch", "--time=1:00:00")
    words += ("--gpus-per-node", "1", "--sbatch", "--partition=a", "--dry-run")
    code, out, _ = said(monkeypatch, capsys, "launch", *RECIPE, *words)
    assert code == 0
    assert out.startswith(
        "sbatch --nodes=2 --ntasks-per-node=1 --gpus-per-node=1 --export=ALL,MASTER_PORT=29777"
        " --job-name=gpt2-small-openwebtext --time=1:00:00 --partition=a "
    )


def test_a_folder_that_a_run_holds_is_refused_before_a_launcher_starts_on_the_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hosts").write_text("a slots=1\nb slots=1\n")
    words = ("launch", *RECIPE, f"run.folder={tmp_path}", "--no-deep")
    several = (*words, "--hostfile", str(tmp_path / "hosts"), "--port", str(free_port()))
    monkeypatch.setattr(zoo.cli.launch, "start", lambda *words: 7)
    lease = take(tmp_path)
    try:
        code, _, err = said(monkeypatch, capsys, *words)
        assert code == 2 and str(tmp_path) in err
        monkeypatch.setenv("NODE_RANK", "0")
        assert said(monkeypatch, capsys, *several)[0] == 2
        monkeypatch.setenv("NODE_RANK", "1")  # what holds it waits for this machine
        assert said(monkeypatch, capsys, *several)[0] == 7
        assert said(monkeypatch, capsys, *words, "--with", "slurm")[0] == 7
    finally:
        lease.release()
