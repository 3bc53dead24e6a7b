"""`zoo WORDS` for tests, forked from the server that has loaded what the verbs load."""

import multiprocessing
import os
import subprocess
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.ranks import PRELOAD, free_port
from zoo.cli import main


def forked(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`zoo WORDS` in a process of its own: its exit code and what it says.

    It goes the entry point's way but for the seconds in which an interpreter loads libraries, and
    so cannot tell whether a verb loads too much.
    """
    (alone,) = _run(words, [{}], folder)
    return alone


def forked_ranks(world: int, *words: str) -> list[subprocess.CompletedProcess[str]]:
    """The same in `world` processes with a launcher's environment, by rank."""
    common = {"WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1"}
    common["MASTER_PORT"] = free_port()
    ranks = [{**common, "RANK": rank, "LOCAL_RANK": rank} for rank in range(world)]
    return _run(words, ranks)


def _run(
    words: tuple[str, ...], environments: list[dict[str, Any]], folder: Path | None = None
) -> list[subprocess.CompletedProcess[str]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with TemporaryDirectory() as place:
        processes = []
        for rank, environment in enumerate(environments):
            own = Path(place, str(rank))
            own.mkdir()
            process = context.Process(target=_entered, args=(words, str(own), environment, folder))
            process.start()
            processes.append((process, own))
        return [_ended(words, process, own) for process, own in processes]


def _ended(words: tuple[str, ...], process: Any, own: Path) -> subprocess.CompletedProcess[str]:
    """Waits for a process; one that waits for others in vain is killed after four minutes."""
    process.join(240)
    process.kill()
    process.join()
    out, err = (Path(own, name).read_text(encoding="utf-8") for name in ("out", "err"))
    return subprocess.CompletedProcess(["zoo", *words], process.exitcode or 0, out, err)


def _entered(
    words: tuple[str, ...], place: str, environment: dict[str, Any], folder: Path | None
) -> None:
    os.environ.update({key: str(value) for key, value in environment.items()})
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(place, name), os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["zoo", *words]
    if folder is not None:
        os.chdir(folder)
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
