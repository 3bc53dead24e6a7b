"""The trackers' own packages have what a resumed run told them, without a network."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.logs.test_trackers import run, tell
from zoo.training.folder import RunFolder

__all__ = ["run"]
pytestmark = pytest.mark.slow
ROWS = [*range(1, 8)]


def twice(run: RunFolder, name: str, capsys: pytest.CaptureFixture[Any]) -> str:
    """A run that is resumed from step 3 after step 5; returns its id in the tracker."""
    tell(run, (name,), range(1, 6))
    path = run.root / "trackers" / f"{name}.json"
    kept = json.loads(path.read_text())["id"]
    tell(run, (name,), range(4, 8), scored=2)
    assert json.loads(path.read_text())["id"] == kept
    assert "given up" not in capsys.readouterr().err
    return kept


def test_wandb_offline(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any]
) -> None:
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    kept = twice(run, "wandb", capsys)
    files = sorted((run.root / "trackers" / "wandb").glob(f"offline-run-*-{kept}/*.wandb"))
    assert len(files) == 2  # `wandb sync` joins them under one id
    steps, summary, name = [], {}, ""
    for file in sorted(files, key=lambda one: one.stat().st_mtime):
        for data in records(file.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(data)
            items = {one.key or one.nested_key[0]: one.value_json for one in record.history.item}
            steps += [int(items["step"])] if "loss" in items else []
            summary |= {
                one.key or one.nested_key[0]: one.value_json for one in record.summary.update
            }
            name = record.run.display_name or name
    assert steps == ROWS and name == "my-run"
    assert json.loads(summary["best_step"]) == 2 and json.loads(summary["state"]) == "done"


def records(data: bytes) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format after a head of 7 bytes."""
    at, block, part = 7, 32768, b""
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block  # what is left of a block holds no head
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield part
            part = b""


def test_mlflow_on_a_file(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any]
) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{run.root.parent}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    kept = twice(run, "mlflow", capsys)
    client = mlflow.MlflowClient(uri)
    found = client.get_run(kept)
    assert client.get_experiment(found.info.experiment_id).name == "ours"
    assert found.info.status == "FINISHED" and found.info.run_name == "my-run"
    assert found.data.params["run.steps"] == "9" and found.data.params["made.recipe"] == "tiny"
    assert found.data.tags["mine"] == "true" and found.data.tags["final.valid/loss"] == "3"
    assert [one.step for one in client.get_metric_history(kept, "loss")] == ROWS
    assert found.data.metrics["valid/loss"] == 3.0
    assert found.data.metrics["valid/iou/grass_ wet_"] == 1.0
    assert len(found.data.params["model.config.odd_ key_"]) == 6000


def test_trackio_on_this_machine(
    run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[Any],
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read on import
    trackio = pytest.importorskip("trackio")
    kept = twice(run, "trackio", capsys)
    (found,) = trackio.Api().runs("zoo")
    assert found.name == kept and found.config["task.kind"] == "causal-lm"
    from trackio.sqlite_storage import SQLiteStorage

    history = SQLiteStorage.get_logs("zoo", kept, run_id=found.id)
    assert [row["step"] for row in history if "loss" in row] == ROWS


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_server_that_is_not_there_ends_no_run(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any], name: str
) -> None:
    pytest.importorskip(name)
    monkeypatch.setattr("zoo.training.logs.followers.WAIT", 5.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    tell(run, (name,), range(1, 4))
    said = [line for line in capsys.readouterr().err.splitlines() if name in line]
    assert len(said) == 1 and ("given up" in said[0] or "did not end" in said[0])
    assert len((run.root / "metrics.jsonl").read_text().splitlines()) == 4
