"""Every format at every place: what fits is read, what does not is a fault and no traceback."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.data.sources.shards.making import arrow, clip, parquet, photograph, tar
from zoo.data.source import open_source
from zoo.errors import ConfigError
from zoo.recipe.spec.data import Format

ROWS = [{"text": f"row {n}", "label": "ab"[n % 2]} for n in range(6)]
WORDS = "a B-X\nb O\n\nc O\nd B-X\n"
TEXTS = ("rows.csv", "rows.tsv", "rows.json", "rows.jsonl", "rows.conll", "prose.txt", "texts")
FITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "text": ("causal-lm", TEXTS),
    "json": ("sequence-classification", ("rows.json", "rows.jsonl")),
    "jsonl": ("sequence-classification", ("rows.json", "rows.jsonl")),
    "csv": ("sequence-classification", ("rows.csv", "rows.tsv")),
    "tsv": ("sequence-classification", ("rows.tsv",)),
    "parquet": ("sequence-classification", ("rows.parquet",)),
    "arrow": ("sequence-classification", ("rows.arrow",)),
    "conll": ("token-classification", ("rows.conll",)),
    "kaldi": ("ctc", ("clips",)),
    "class-folders": ("image-classification", ("images", "one.png", "beside")),
    "metadata": ("image-classification", ("beside",)),
    "webdataset": ("image-classification", ("rows.tar",)),
    "megatron": ("causal-lm", ()),
}
"""By format: a task, and the places below that it fits."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    lines = {mark: "".join(f"{r['text']}{mark}{r['label']}\n" for r in ROWS) for mark in ",\t"}
    written: Mapping[str, str | bytes] = {
        "rows.csv": f"text,label\n{lines[',']}",
        "rows.tsv": "text\tlabel\n" + lines["\t"],
        "rows.json": json.dumps(ROWS),
        "rows.jsonl": "\n".join(map(json.dumps, ROWS)),
        "rows.conll": WORDS,
        "prose.txt": "it is a text\nof lines\nas they come in books\n",
        "one.png": photograph(9),
        "one.flac": clip(0),
        "unknown.bin": bytes(range(256)) * 4,
        "nothing": b"",
        "texts/a.txt": "some text",
        "others/a.bin": b"\0\1",
        "others/b.pdf": b"%PDF-1.4\0\xff",
        "clips/wav.scp": "u1 a.flac\n",
        "clips/text": "u1 a b\n",
        "clips/a.flac": clip(1),
        "beside/metadata.csv": "file_name,label\na.png,a\nb.png,b\n",
        "beside/a.png": photograph(1),
        "beside/b.png": photograph(2),
        **{f"images/{'ab'[n % 2]}/{n}.png": photograph(n) for n in range(4)},
    }
    for name, content in written.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "empty").mkdir()
    parquet(folder / "rows.parquet", ROWS)
    arrow(folder / "rows.arrow", ROWS)
    tar(folder / "rows.tar", {f"{n}": {"cls": b"a", "png": photograph(n)} for n in range(3)})
    return folder


@pytest.mark.parametrize("form", FITS)
def test_a_format_reads_the_places_that_it_fits_and_is_a_fault_at_all_others(
    form: str, places: Path, make_recipe: Any
) -> None:
    kind, fits = FITS[form]
    opened = set()
    for place in sorted(path.name for path in places.iterdir()):
        files = {"source": "files", "folder": str(places), "train": place, "format": form}
        recipe = make_recipe(kind, **files)
        try:
            assert open_source(recipe).train[0]
            opened.add(place)
        except ConfigError as error:
            assert all(fault.key.startswith("data.") for fault in error.faults)
            assert all(fault.allowed and fault.nearest for fault in error.faults)
    assert opened == set(fits)


def test_every_format_stands_in_the_table() -> None:
    assert set(FITS) == set(get_args(Format))
