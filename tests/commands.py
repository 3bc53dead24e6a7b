"""`zoo WORDS` for tests, forked from the server that has loaded what the verbs load."""

import multiprocessing
import os
import subprocess
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.ranks import PRELOAD
from zoo.cli import main


def forked(*words: str) -> subprocess.CompletedProcess[str]:
    """`zoo WORDS` in a process of its own: its exit code and what it says.

    It goes the entry point's way but for the seconds in which an interpreter loads libraries, and
    so cannot tell whether a verb loads too much.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with TemporaryDirectory() as place:
        process = context.Process(target=_entered, args=(words, place))
        process.start()
        process.join()
        out, err = (Path(place, name).read_text(encoding="utf-8") for name in ("out", "err"))
    return subprocess.CompletedProcess(["zoo", *words], process.exitcode or 0, out, err)


def _entered(words: tuple[str, ...], place: str) -> None:
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(place, name), os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["zoo", *words]
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
