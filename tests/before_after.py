"""Holds two commits against each other: what the command line says, and the losses of every twin.

    python -m tests.before_after write OUT [--checkout DIR]   one side, of this or another checkout
    python -m tests.before_after compare BEFORE AFTER         says what differs; exit code 1 if any

One side takes about six minutes on 2 cores. Equal means byte for byte, so both sides are made on
the same machine.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LAYOUTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "one process": (1, ()),
    "zero-3 x 2": (2, ("parallel.zero.stage=3",)),
    "pipeline-2": (2, ("parallel.pipeline.stages=2", "parallel.zero.stage=0")),
    "tensor-2": (2, ("parallel.tensor=2", "parallel.zero.stage=0")),
}
SHORT = (
    "run.steps=20",
    "run.log_every=1",
    "run.eval_every=0",
    "run.save_every=0",
    "run.report_to=[]",
    "data.workers=0",
    "data.max_valid_examples=1",
)
LISTS = (["list"], ["list", "--tiny"], ["list", "--markdown"], ["compat"])
ASKED = (
    ["show"],
    ["show", "--tiny"],
    ["show", "--deepspeed"],
    ["check"],
    ["check", "--tiny"],
    ["compat"],
    ["compat", "--json", "--tiny"],
)


def main() -> int:
    """The command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    write = verbs.add_parser("write")
    write.add_argument("out", type=Path)
    write.add_argument("--checkout", type=Path, default=Path.cwd())
    compare = verbs.add_parser("compare")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    chosen = parser.parse_args()
    if chosen.verb == "compare":
        return differences(chosen.before, chosen.after)
    checkout = chosen.checkout.resolve()
    if Path.cwd() != checkout or os.environ.get("PYTHONPATH") != str(checkout):
        return in_checkout(checkout, chosen.out.absolute())
    found = {"said": everything_said(checkout), "losses": all_losses(checkout)}
    text = json.dumps(found, indent=1).replace(str(checkout), "<checkout>")
    chosen.out.write_text(text, encoding="utf-8")
    return 0


def in_checkout(checkout: Path, out: Path) -> int:
    """Runs this file, as it is here, with another checkout's `zoo`."""
    environment = os.environ | {
        "PYTHONPATH": str(checkout),
        "DS_ACCELERATOR": "cpu",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "200",
    }
    words = [sys.executable, "-P", str(Path(__file__).absolute()), "write", str(out)]
    return subprocess.run(words, cwd=checkout, env=environment, check=False).returncode


def recipes(checkout: Path) -> list[Path]:
    """The files of the catalog."""
    return sorted((checkout / "configs" / "recipes").rglob("*.json"))


def everything_said(checkout: Path) -> dict[str, list[str]]:
    """What each verb prints (stdout and stderr) and its exit code, by its words."""
    asked = [*LISTS, *([verb, p.stem, *more] for verb, *more in ASKED for p in recipes(checkout))]
    return {" ".join(words): said(words) for words in asked}


def said(words: Sequence[str]) -> list[str]:
    """One call of the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *words], capture_output=True, text=True, check=False
    )
    return [str(done.returncode), done.stdout, done.stderr]


def all_losses(checkout: Path) -> dict[str, Any]:
    """Loss and gradient norm of 20 steps of every twin on every layout, or why it is refused."""
    found: dict[str, Any] = {}
    for path in recipes(checkout):
        for name, (world, words) in LAYOUTS.items():
            with tempfile.TemporaryDirectory() as folder:
                found[f"{path.stem}: {name}"] = trained(path, world, Path(folder), words)
            print(f"{path.stem}: {name}", file=sys.stderr, flush=True)
    return found


def trained(path: Path, world: int, folder: Path, words: Sequence[str]) -> Any:
    """The rows of one run, or what it was refused with."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["zoo.training.run", "sklearn.datasets"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    everything = [*SHORT, f"run.folder={folder / 'run'}", *words]
    ranks = [
        context.Process(target=one_rank, args=(rank, world, port, path, everything, folder))
        for rank in range(world)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    refused = folder / "refused.txt"
    if refused.exists():
        return refused.read_text(encoding="utf-8").replace(str(folder), "<folder>")
    lines = (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [[row["step"], row["loss"], row["grad_norm"]] for row in rows if "loss" in row]


def one_rank(
    rank: int, world: int, port: int, path: Path, words: Sequence[str], folder: Path
) -> None:
    """One process of a run; what it is refused with goes to a file of rank 0."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world}
    os.environ |= {key: str(value) for key, value in place.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    from zoo.errors import ConfigError
    from zoo.recipe.load import load_recipe
    from zoo.training.run import run

    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            run(load_recipe(path, words, tiny=True))
        except ConfigError as error:
            if rank == 0:
                (folder / "refused.txt").write_text(str(error), encoding="utf-8")
    os._exit(0)


def differences(before: Path, after: Path) -> int:
    """Prints every entry that is not equal; 1 if there is one."""
    one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
    differing = 0
    for part in one:
        for key in {**one[part], **other[part]}:
            old, new = one[part].get(key), other[part].get(key)
            if old != new:
                differing += 1
                print(f"{part}: {key}\n  before: {brief(old, new)}\n  after:  {brief(new, old)}")
    counts = ", ".join(f"{len(one[part])} {part}" for part in one)
    print(f"{counts} before; {differing} differ")
    return 1 if differing else 0


def brief(value: Any, other: Any) -> str:
    """The first place where a value differs from another, and what follows."""
    text, against = json.dumps(value), json.dumps(other)
    pairs = zip(text, against, strict=False)
    equal = next((at for at, (a, b) in enumerate(pairs) if a != b), 0)
    return text[max(0, equal - 60) :][:300]


if __name__ == "__main__":
    sys.exit(main())
