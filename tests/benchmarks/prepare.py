"""How fast text is prepared, in how much memory, and what is left of it after kills.

`python -m tests.benchmarks.prepare [--megabytes 40] [--kills 20]` makes jsonl of the text of
installed packages and, in one run on the same file with the same 16k byte-level BPE, prints

- MB/s from the file to shards on the disk, of `pack` and of the usual way: `load_dataset`,
  `map(num_proc=2)` and a `map` that joins and cuts into blocks;
- whether the shards' ids are the tokenizer's own, document by document, compared whole;
- the most memory of all processes that prepare together (PSS);
- with --kills, whether shards of which the making was killed at random moments are the same bytes.
"""

import argparse
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import datasets
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

LENGTH = 1024
WANTED = Wanted((("text",),))


def texts(size: int) -> Iterator[str]:
    """Text of the standard library and of installed packages; over again if it is not enough."""
    roots = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    files = sorted({path for root in roots for path in root.rglob("*.py")})
    random.Random(0).shuffle(files)
    for path in itertools.cycle(files):
        if text := path.read_text("utf-8", errors="ignore"):
            yield text
            size -= len(text.encode())
        if size <= 0:
            return


def ours(folder: Path, cache: Path, processes: int) -> PackedRows:
    """From the file to blocks over shards."""
    warm()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "bpe")
    table = stored([(folder / "text.jsonl", "jsonl")], {}, WANTED, cache)
    rows = StoredRows(table, ("text",), [folder / "text.jsonl"], WANTED, cache)
    with prepared_by(Crew(processes)):
        return pack(rows, scheme(tokenizer, "bpe", document_frame(tokenizer)), LENGTH, 0, cache)


def theirs(folder: Path, cache: Path) -> int:
    """The usual way; returns the number of blocks."""
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

    data = data.map(tokens, batched=True, num_proc=2, remove_columns=data.column_names)
    return len(data.map(blocks, batched=True, num_proc=2))


def memory(group: int) -> int:
    """PSS of all processes of a session, bytes."""
    total = 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(place.name)) == group:
                lines = (place / "smaps_rollup").read_text().splitlines()
                total += 1024 * int(next(one for one in lines if one.startswith("Pss:")).split()[1])
        except (OSError, StopIteration):
            continue
    return total


def alone(folder: Path, cache: Path, kill_after: float | None = None) -> int:
    """Prepares in a session of its own, which is killed if asked; its most memory."""
    words = ["--only", str(folder), str(cache)]
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.prepare", *words], start_new_session=True
    )
    begun, most = time.monotonic(), 0
    while run.poll() is None:
        most = max(most, memory(run.pid))
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


def speeds(folder: Path, size: int) -> None:
    """Both ways on the same file, and the ids."""
    begun = time.perf_counter()
    packed = ours(folder, folder / "ours", 2)
    own = time.perf_counter() - begun
    begun = time.perf_counter()
    theirs(folder, folder / "theirs")
    usual = time.perf_counter() - begun
    mb = size / 1e6
    print(f"ours {mb / own:.1f} MB/s, datasets {mb / usual:.1f} MB/s, ratio {usual / own:.2f}")
    inner = PreTrainedTokenizerFast.from_pretrained(folder / "bpe").backend_tokenizer
    end, whole = inner.token_to_id(CAUSAL["eos_token"]), []
    with (folder / "text.jsonl").open(encoding="utf-8") as file:
        for line in file:
            ids = inner.encode_batch_fast([json.loads(line)["text"]], add_special_tokens=False)
            whole.append(np.array([*ids[0].ids, end]))
    print("ids equal:", np.array_equal(np.concatenate(whole), packed.tokens[:]))


def main() -> None:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=40)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--only", nargs=2, type=Path)
    asked = parser.parse_args()
    if asked.only:
        ours(*asked.only, 2)
        return
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as place:
        folder, size = Path(place), asked.megabytes * 1_000_000
        with (folder / "text.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts(size))
        trained_tokenizer("bpe", [*texts(4_000_000)], 16384, False, CAUSAL).save_pretrained(
            folder / "bpe"
        )
        speeds(folder, size)
        begun = time.monotonic()
        most = alone(folder, folder / "alone")
        taken = time.monotonic() - begun
        print(f"most memory of all processes {most / 1e6:.0f} MB")
        for number in range(asked.kills):
            alone(folder, folder / "killed", random.Random(number).uniform(0.2, 0.6) * taken)
        if asked.kills:
            alone(folder, folder / "killed")
            print("equal after kills:", content(folder / "killed") == content(folder / "alone"))


if __name__ == "__main__":
    main()
