"""How fast text is prepared, in how much memory, and what is left of it after kills.

`python -m tests.benchmarks.prepare [--megabytes 40] [--kills 20]` makes jsonl of the text of
installed packages and, in one run on the same file with the same 16k byte-level BPE, prints

- MB/s from the file to shards on the disk, of `pack` and of the usual way: `load_dataset`,
  `map(num_proc=2)` and a `map` that joins and cuts into blocks; each in turn, as often as --rounds
  says, in processes that have imported before they begin; and the seconds of CPU that all of
  its processes took, imports included (what counts where others use the machine);
- whether the shards' ids are the tokenizer's own, document by document, compared whole;
- the most memory of all processes that prepare together, and the same of a file ten times as long
  with --flat; files of more than a million bytes are no part of the text, since what a process
  holds follows the longest document;
- with --kills, whether shards of which the making was killed at random moments are the same bytes.
"""

import argparse
import ctypes
import hashlib
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from zoo.data.preparing.crew import Crew, prepared_by
from zoo.data.preparing.pack import pack
from zoo.data.preparing.pool import warm
from zoo.data.sources.opened import Wanted
from zoo.data.sources.stored import stored
from zoo.data.sources.table import StoredRows
from zoo.data.tokens.packing import PackedRows
from zoo.tasks.text.encoding import document_frame, scheme
from zoo.tasks.text.vocabulary import CAUSAL, trained_tokenizer

LENGTH, LONGEST = 1024, 1_000_000
WANTED = Wanted((("text",),))


def texts(size: int) -> Iterator[str]:
    """Text of the standard library and of installed packages, long files left out; over again if it
    is not enough.
    """
    roots = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    files = sorted({path for root in roots for path in root.rglob("*.py")})
    random.Random(0).shuffle(files)
    for path in itertools.cycle(files):
        text = path.read_text("utf-8", errors="ignore")
        if 0 < len(text) < LONGEST:
            yield text
            size -= len(text.encode())
        if size <= 0:
            return


def ours(folder: Path, cache: Path, processes: int) -> PackedRows:
    """From the file to blocks over shards."""
    begun = time.perf_counter()
    warm()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "bpe")
    with prepared_by(Crew(processes)):
        table = stored([(folder / "text.jsonl", "jsonl")], {}, WANTED, cache)
        rows = StoredRows(table, ("text",), [folder / "text.jsonl"], WANTED, cache)
        found = pack(rows, scheme(tokenizer, "bpe", document_frame(tokenizer)), LENGTH, 0, cache)
    print(time.perf_counter() - begun, flush=True)
    return found


def theirs(folder: Path, cache: Path, processes: int) -> None:
    """The usual way."""
    import datasets  # what the other way does without

    datasets.disable_progress_bars()
    begun = time.perf_counter()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "bpe")
    data = datasets.load_dataset(
        "json", data_files=str(folder / "text.jsonl"), split="train", cache_dir=str(cache)
    )

    def tokens(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        found = tokenizer(batch["text"], return_attention_mask=False)["input_ids"]
        return {"input_ids": [[*ids, tokenizer.eos_token_id] for ids in found]}

    def blocks(batch: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        whole = list(itertools.chain(*batch["input_ids"]))
        ends = range(LENGTH, len(whole) + 1, LENGTH)
        return {"input_ids": [whole[end - LENGTH : end] for end in ends]}

    data = data.map(tokens, batched=True, num_proc=processes, remove_columns=data.column_names)
    data.map(blocks, batched=True, num_proc=processes)
    print(time.perf_counter() - begun, flush=True)


WAYS = {"ours": ours, "theirs": theirs}
ONLY = """
import sys
from pathlib import Path
from tests.benchmarks.prepare import WAYS
WAYS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), 2)
"""
"""What a process of one way runs: like `zoo`, no module that workers would have to import too."""


def memory(group: int) -> np.ndarray:
    """What all processes of a session hold, and that with pages of files that they have mapped,
    which the system takes back when it wants (PSS, bytes).
    """
    total = np.zeros(2)
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(place.name)) == group:
                lines = (place / "smaps_rollup").read_text().splitlines()[1:]
                said = {one.split()[0]: 1024 * int(one.split()[1]) for one in lines}
                total += said["Pss:"] - said["Pss_File:"], said["Pss:"]
        except OSError:
            continue
    return total


def alone(folder: Path, cache: Path, kill_after: float | None = None) -> np.ndarray:
    """Prepares in a session of its own, which is killed if asked; its most memory."""
    words = [sys.executable, "-c", ONLY, "ours", str(folder), str(cache)]
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)
    begun, most = time.monotonic(), np.zeros(2)
    while run.poll() is None:
        most = np.maximum(most, memory(run.pid))
        if kill_after is not None and time.monotonic() - begun > kill_after:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            break
        time.sleep(0.05)
    return most


def content(cache: Path) -> str:
    """A digest of all files of the shards."""
    (folder,) = [one for one in cache.glob("tokens-*") if not one.suffix]
    found = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()


def timed(way: str, folder: Path, cache: Path) -> tuple[float, float]:
    """Seconds of a way in a process of its own, and of CPU of that and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-c", ONLY, way, str(folder), str(cache)]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    said, _ = run.communicate()
    assert run.returncode == 0 and run.stdout is not None
    with suppress(ChildProcessError):  # the server of its processes, which outlives it
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(said.split()[-1]), cpu


def speeds(folder: Path, size: int, rounds: int) -> None:
    """Both ways on the same file in turn, and the ids."""
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: whom nobody waits for, this one does
    for number in range(rounds):
        own, own_cpu = timed("ours", folder, folder / f"ours-{number}")
        usual, usual_cpu = timed("theirs", folder, folder / f"theirs-{number}")
        mb = size / 1e6
        told = f"ours {mb / own:.1f} MB/s, datasets {mb / usual:.1f} MB/s, ratio {usual / own:.2f}"
        cpu = f"CPU {own_cpu:.1f} and {usual_cpu:.1f} s, ratio {usual_cpu / own_cpu:.2f}"
        print(f"{told}; {cpu}", flush=True)
    with redirect_stdout(StringIO()):  # its seconds: all of it is kept by now
        packed = ours(folder, folder / "ours-0", 2)
    inner = PreTrainedTokenizerFast.from_pretrained(folder / "bpe").backend_tokenizer
    end, whole = inner.token_to_id(CAUSAL["eos_token"]), []
    with (folder / "text.jsonl").open(encoding="utf-8") as file:
        for line in file:
            ids = inner.encode_batch_fast([json.loads(line)["text"]], add_special_tokens=False)
            whole.append(np.array([*ids[0].ids, end]))
    print("ids equal:", np.array_equal(np.concatenate(whole), packed.tokens[:]))


def write(folder: Path, size: int) -> None:
    """Makes the file of so many bytes of text."""
    with (folder / "text.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts(size))


def measured(folder: Path, name: str, size: int) -> tuple[np.ndarray, float]:
    """The most memory that preparing takes, and seconds; both are printed."""
    begun = time.monotonic()
    most = alone(folder, folder / name)
    taken = time.monotonic() - begun
    held, mapped = most / 1e6
    told = f"{held:.0f} MB, with mapped files {mapped:.0f} MB"
    print(f"{size / 1e6:.0f} MB: most memory of all processes {told}; {taken:.0f} s", flush=True)
    return most, taken


def main() -> None:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=40)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--flat", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, size = Path(place), asked.megabytes * 1_000_000
        write(folder, size)
        trained_tokenizer("bpe", [*texts(4_000_000)], 16384, False, CAUSAL).save_pretrained(
            folder / "bpe"
        )
        if asked.rounds:
            speeds(folder, size, asked.rounds)
        most, taken = measured(folder, "alone", size)
        for number in range(asked.kills):
            alone(folder, folder / "killed", random.Random(number).uniform(0.2, 0.6) * taken)
        if asked.kills:
            alone(folder, folder / "killed")
            print("equal after kills:", content(folder / "killed") == content(folder / "alone"))
        if asked.flat:
            write(folder, 10 * size)
            more, _ = measured(folder, "larger", 10 * size)
            held, mapped = more / most
            print(f"of ten times as much text {held:.2f} times, with mapped files {mapped:.2f}")


if __name__ == "__main__":
    main()
