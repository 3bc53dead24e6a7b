"""Datasets laid out as on the hub, read from a local folder: the network is never asked."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile
from PIL import Image

from zoo.data.source import open_source
from zoo.errors import ConfigError


def png(level: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((5, 5, 3), level, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(int(8000 * seconds), 0.25), 8000, format="WAV")
    return file.getvalue()


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    """A data set with an Image column and classes that it names itself."""
    names = datasets.ClassLabel(names=["cat", "dog", "cow"])
    features = datasets.Features({"img": datasets.Image(decode=False), "fine_label": names})
    for split, labels in (("train", [2, 0, 1]), ("test", [0, 2])):
        rows = [{"img": {"bytes": png(n), "path": None}, "fine_label": n} for n in labels]
        table = datasets.Dataset.from_list(rows, features=features)
        table.cast_column("img", datasets.Image()).to_parquet(tmp_path / "set" / f"{split}.parquet")
    return str(tmp_path / "set")


def hub(make_recipe: Any, kind: str, name: str, **data: Any) -> Any:
    return make_recipe(kind, source="hub", name=name, **data)


def test_images_and_the_names_of_classes_come_from_the_data_set(
    pictures: str, make_recipe: Any
) -> None:
    columns = {"image": "img", "label": "fine_label"}
    recipe = hub(make_recipe, "image-classification", pictures, columns=columns, valid="test")
    source = open_source(recipe)
    assert source.labels == ("cat", "dog", "cow")
    row = source.train[0]
    assert row["label"] == 2
    assert row["image"].getpixel((0, 0)) == (2, 2, 2)
    assert len(source.valid["valid"]) == 2


def test_written_labels_reorder_the_classes_of_the_data_set(
    pictures: str, make_recipe: Any
) -> None:
    words = {"columns": {"image": "img", "label": "fine_label"}, "labels": ["dog", "cow", "cat"]}
    source = open_source(hub(make_recipe, "image-classification", pictures, **words))
    assert [source.train[i]["label"] for i in range(3)] == [1, 2, 0]


def test_audio_is_decoded_without_torchcodec(tmp_path: Path, make_recipe: Any) -> None:
    rows = [{"audio": {"bytes": wav(n / 10), "path": None}, "text": "ab"[n - 1]} for n in (1, 2)]
    table = datasets.Dataset.from_list(rows)
    table.cast_column("audio", datasets.Audio()).to_parquet(tmp_path / "set" / "train.parquet")
    columns = {"transcript": "text"}
    source = open_source(hub(make_recipe, "ctc", str(tmp_path / "set"), columns=columns))
    assert source.train.roles == {"audio", "transcript"}
    row = source.train[1]
    assert (len(row["audio"]), row["sampling_rate"], row["transcript"]) == (1600, 8000, "b")
    assert source.train.lengths() == pytest.approx([0.1, 0.2])


def test_all_faults_of_splits_and_columns_come_at_once(pictures: str, make_recipe: Any) -> None:
    columns = {"image": "imag", "label": "fine_label"}
    recipe = hub(
        make_recipe, "image-classification", pictures, columns=columns, valid="tset", test="dev"
    )
    with pytest.raises(ConfigError) as caught:
        open_source(recipe)
    faults = {fault.key: (fault.found, fault.nearest) for fault in caught.value.faults}
    assert faults == {
        "data.columns.image": ("imag", "data.columns.image=img"),
        "data.valid": ("tset", "data.valid=test"),
        "data.test": ("dev", ""),
    }


def test_a_data_set_that_cannot_be_had_is_one_clear_fault(
    make_recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    recipe = hub(make_recipe, "causal-lm", "nobody/has-this", valid="validation")
    with pytest.raises(ConfigError) as caught:
        open_source(recipe)
    (fault,) = caught.value.faults
    assert fault.key == "data.name"
    assert fault.found.startswith("nobody/has-this (")
    assert "hub" in fault.allowed


def test_an_unknown_subset_is_a_fault_of_the_subset(pictures: str, make_recipe: Any) -> None:
    recipe = hub(make_recipe, "causal-lm", pictures, subset="large")
    with pytest.raises(ConfigError, match=r"data\.subset: found large .*default"):
        open_source(recipe)


def test_a_dataset_with_a_script_says_which_revision_has_none(
    make_recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Dataset scripts are no longer supported, but found openwebtext.py")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(ConfigError) as caught:
        open_source(hub(make_recipe, "causal-lm", "some/openwebtext"))
    (fault,) = caught.value.faults
    assert fault.key == "data.revision"
    assert "openwebtext.py" in fault.found
    assert "refs/convert/parquet" in fault.allowed
