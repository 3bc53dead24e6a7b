"""What `launch` returns, and what it hands on, with fake launchers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.errors import ConfigError
from zoo.launching.run import launch, launch_environment

WRITE = "import json, sys, time; json.dump({}, open(sys.argv[1], 'w')); sys.exit({})"


def python(code: str, *words: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, words)]


@pytest.mark.parametrize(
    ("launcher", "run", "expected"),
    [
        (0, None, 0),
        (7, None, 7),
        (1, 2, 2),  # torchrun and accelerate make 1 of everything
        (1, 3, 3),
        (1, 143, 143),
        (0, 143, 143),  # pdsh swallows codes
        (0, 0, 0),
        (1, 0, 1),  # the run was done, then something broke
    ],
)
def test_the_code_of_the_run_wins_over_the_launchers(
    tmp_path: Path, launcher: int, run: int | None, expected: int
) -> None:
    status = tmp_path / "status.json"
    content = f"{{'started': time.time(), 'exit_code': {run}}}"
    assert (
        launch(python(WRITE.replace("{}", content, 1).replace("{}", str(launcher)), status), status)
        == expected
    )


@pytest.mark.parametrize(
    "content", ["", "[]", '{"exit_code": 3}', '{"started": 1.0, "exit_code": 3}']
)
def test_the_status_of_an_earlier_run_says_nothing(tmp_path: Path, content: str) -> None:
    status = tmp_path / "status.json"
    status.write_text(content)
    assert launch(python("raise SystemExit(1)"), status) == 1


def test_a_run_on_a_machine_whose_clock_is_late_is_known_by_its_new_start(tmp_path: Path) -> None:
    status = tmp_path / "status.json"
    status.write_text('{"started": 2.0, "exit_code": 0}')
    content = "{'started': 1.0, 'exit_code': 3}"
    code = WRITE.replace("{}", content, 1).replace("{}", "1")
    assert launch(python(code, status), status) == 3


def test_a_launcher_that_a_signal_killed_counts_as_128_and_the_signal(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    assert launch(python(code), tmp_path / "none") == 137


def test_a_launcher_that_is_not_installed_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-launcher"):
        launch(["no-such-launcher"], tmp_path / "none")
    with pytest.raises(ConfigError, match="found no-such-shell; allowed: a launcher that is inst"):
        launch(python("raise SystemExit(7)"), tmp_path / "none", needs=("no-such-shell",))


# A launcher that dies of the signal at once, as deepspeed's does, and a worker that saves first.
WORKER = """
import json, pathlib, signal, sys, time
began, folder = time.time(), pathlib.Path(sys.argv[1])
def stop(number, frame):
    time.sleep(1)
    status = {"started": began, "exit_code": 128 + number}
    (folder / "status.json").write_text(json.dumps(status))
    sys.exit(128 + number)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
(folder / "started").touch()
time.sleep(60)
"""
LAUNCHER = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
MAIN = """
import sys
from pathlib import Path
from zoo.launching.run import launch
sys.exit(launch([sys.executable, "-c", *sys.argv[1:]], Path(sys.argv[3]) / "status.json"))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_workers_and_all_are_waited_for(
    tmp_path: Path, number: signal.Signals
) -> None:
    words = [sys.executable, "-c", MAIN, LAUNCHER, WORKER, str(tmp_path)]
    root = Path(__file__).parents[2]
    main = subprocess.Popen(words, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    until = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < until:
        time.sleep(0.05)
    main.send_signal(number)
    assert main.wait(timeout=30) == 128 + number
    assert json.loads((tmp_path / "status.json").read_text())["exit_code"] == 128 + number


def test_processes_that_share_a_cpu_get_one_thread_each(tmp_path: Path) -> None:
    prepared = launch_environment({"PATH": "/bin"}, 2, tmp_path)
    assert prepared == {"PATH": f"{tmp_path}{os.pathsep}/bin", "OMP_NUM_THREADS": "1"}
    assert launch_environment({"OMP_NUM_THREADS": "3"}, 2)["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in launch_environment({}, 1)
