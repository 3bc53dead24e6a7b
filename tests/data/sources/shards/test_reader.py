"""Shards as rows: tars, parquet and Arrow, of this machine and of a server, and what is refused."""

import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from tests.data.remote.server import serving
from tests.data.sources.shards.making import (
    arrow,
    as_json,
    clip,
    images,
    parquet,
    photograph,
    tar,
)
from zoo.data.rows import CorruptExample
from zoo.data.source import Source, open_source
from zoo.errors import ConfigError

TEXTS = [{"id": n, "text": f"number {n}", "label": ("even", "odd")[n % 2]} for n in range(20)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    here = tmp_path / "shards"
    here.mkdir()
    return here


@pytest.fixture
def opened(folder: Path, make_recipe: Any) -> Any:
    """opened(kind of task, **data section) opens shards; the folder is `folder` unless said."""

    def open_one(kind: str, **data: Any) -> Source:
        files = {"source": "files", "folder": str(folder), "train": "train*"}
        return open_source(make_recipe(kind, **files | data))

    return open_one


def said(opened: Any, *arguments: Any, **data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(*arguments, **data)
    return str(caught.value)


def pixels(row: Any) -> list[Any]:
    return [np.asarray(row["image"]).tolist(), row["label"]]


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("long", [False, True])
def test_a_tar_is_a_row_a_key(kind: int, long: bool, folder: Path, opened: Any) -> None:
    begin = "a/" + "very-long-name-" * 9 if long else "a/"
    if long and kind == tarfile.USTAR_FORMAT:
        begin = "d" * 80 + "/" + "n" * 60
    tar(
        folder / "train-0.tar",
        {f"{begin}{n}": {"png": photograph(n), "cls": b"%d\n" % (n % 2)} for n in range(5)},
        kind,
    )
    source = opened("image-classification")
    assert source.labels == ("0", "1")
    assert [source.train[n]["label"] for n in range(5)] == [0, 1, 0, 1, 0]
    assert pixels(source.train[3])[0] == pixels_of(photograph(3))


def pixels_of(content: bytes) -> list[Any]:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).tolist()


def test_json_members_and_named_columns_are_roles(folder: Path, opened: Any) -> None:
    samples = {
        f"{n}": {"left.png": photograph(n), "json": as_json({"what": ["cat", "dog"][n % 2]})}
        for n in range(4)
    }
    tar(folder / "all.tar", samples)
    columns = {"image": "left.png", "label": "what"}
    source = opened("image-classification", train="all.tar", columns=columns)
    assert source.labels == ("cat", "dog")
    assert source.train[1]["label"] == 1


def test_clips_have_lengths_and_transcripts(folder: Path, opened: Any) -> None:
    samples = {f"{n}": {"flac": clip(n, 0.1 + n / 10), "txt": b"word"} for n in range(3)}
    tar(folder / "train.tar", samples | {"9": {"flac": b"noise", "txt": b"word"}})
    train = opened("ctc").train
    lengths = train.lengths()
    assert np.allclose(lengths[:3], [0.1, 0.2, 0.3])
    assert np.isnan(lengths[3])
    assert train[2]["transcript"] == "word"
    assert len(train[2]["audio"]) == 2400
    with pytest.raises(CorruptExample, match=r"train\.tar 9"):
        train[3]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
@pytest.mark.parametrize("remote", [False, True])
def test_tables_are_read_row_by_row(kind: str, remote: bool, folder: Path, opened: Any) -> None:
    name = "train-00000.parquet" if kind == "parquet" else "train-00000.arrow"
    write = parquet if kind == "parquet" else arrow
    words = {"stream": True} if kind == "stream" else {}
    for shard in range(2):
        write(folder / name.replace("00000", f"0000{shard}"), TEXTS[shard * 10 :][:10], **words)
    with serving(folder) as server:
        place = server.url if remote else str(folder)
        entry = name.replace("00000", "{00000..00001}")
        source = opened("sequence-classification", folder=place, train=entry, streaming=True)
        train = source.train
        found = [(train[n]["text"], train[n]["label"]) for n in range(len(train))]
    assert found == [(row["text"], int(row["label"] == "odd")) for row in TEXTS]
    assert train.shard_sizes().tolist() == [10, 10]
    assert train.value(7, "text") == "".join(train.pieces(7)) == "number 7"


def test_what_is_read_does_not_depend_on_where_it_lies(folder: Path, opened: Any) -> None:
    images(folder, 3, 7)
    here = opened("image-classification", streaming=True)
    entry = "train-{00000..00002}.tar"
    with serving(folder) as server:
        there = opened("image-classification", folder=server.url, train=entry, streaming=True)
        kept = opened("image-classification", folder=server.url, train=entry)
        every = [[pixels(one.train[n]) for n in range(21)] for one in (here, there, kept)]
        asked = dict(server.asked)
    assert every[0] == every[1] == every[2]
    assert here.train.fingerprint == there.train.fingerprint
    assert kept.train.shard_sizes() is None
    assert set(asked.values()) == {1}  # both runs, and each shard's first look
    again = pickle.loads(pickle.dumps(there.train))
    assert pixels(again[20]) == every[0][20]


def test_an_index_beside_shards_spares_the_first_look(folder: Path, opened: Any) -> None:
    images(folder, 3, 7)
    shards = [
        {"name": path.name, "bytes": path.stat().st_size, "rows": 7}
        for path in sorted(folder.glob("*.tar"))
    ]
    index = {"shards": shards[:2], "classes": ["a", "b", "c"]}
    (folder / "shards.json").write_bytes(as_json(index))
    with serving(folder) as server:
        source = opened("image-classification", folder=server.url, streaming=True)
        assert set(server.asked) == {"shards.json", "train-00000.tar"}
        assert len(source.train) == 14  # what the folder has beside it is not named
        assert source.labels == ("a", "b", "c")
        assert [source.train[n]["label"] for n in range(12, 14)] == [0, 1]


def test_a_row_that_lacks_something_is_corrupt_and_named(folder: Path, opened: Any) -> None:
    samples = {f"{n}": {"png": photograph(n), "cls": b"1"} for n in range(3)}
    tar(folder / "train.tar", samples | {"x": {"png": photograph(7)}, "y": {"cls": b"1"}})
    train = opened("image-classification").train
    with pytest.raises(CorruptExample, match=r"train\.tar x \(no cls\)"):
        train[3]
    with pytest.raises(CorruptExample, match=r"train\.tar y \(no .*png"):
        train[4]


def test_a_tar_that_is_cut_is_refused_before_anything_starts(folder: Path, opened: Any) -> None:
    images(folder, 2, 4)
    path = folder / "train-00001.tar"
    path.write_bytes(path.read_bytes()[:-9000])
    assert "train-00001.tar (no whole tar" in said(opened, "image-classification")


def test_faults_name_the_key_and_what_is_there(folder: Path, opened: Any) -> None:
    images(folder, 1, 4)
    parquet(folder / "other.parquet", TEXTS)
    kind = "image-classification"
    assert "train-00000.tar" in said(opened, kind, train="valid", streaming=True)
    assert "data.format: parquet, webdataset" in said(opened, kind, train="*", streaming=True)
    assert "cls, png" in said(opened, kind, columns={"label": "class"}, format="webdataset")
    assert "columns.image" in said(
        opened, "image-classification", train="other.parquet", streaming=True
    )
    with serving(folder) as server:
        found = said(opened, kind, folder=server.url, streaming=True)
        assert "which lists nothing" in found
        assert "train-{00000..00009}.tar" in found
        absent = said(opened, kind, folder=server.url, train="no.tar")
        assert f"{server.url}/no.tar" in absent
        assert "asking again does not help" in absent
        server.down()
        assert "data.timeout" in said(opened, kind, folder=server.url, train="a.tar", timeout=0.3)
    assert "Protocol not known" in said(opened, kind, folder="nowhere://x/y")


def test_a_column_of_class_ids_has_the_names_of_its_metadata(folder: Path, opened: Any) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = {"text": ["a", "b"], "label": [1, 0]}
    datasets.Dataset.from_dict(rows, features).to_parquet(str(folder / "train.parquet"))
    source = opened("sequence-classification", streaming=True)
    assert source.labels == ("no", "yes")
    assert [source.train[n]["label"] for n in range(2)] == [1, 0]
    assert pyarrow.__version__
