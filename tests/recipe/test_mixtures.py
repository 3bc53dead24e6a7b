"""Mixtures in recipes: parts by name, each with a section of its own."""

from pathlib import Path
from typing import Any

import pytest

from tests.recipe.conftest import Catalog
from zoo.errors import ConfigError
from zoo.recipe import expanded, load_recipe, origin
from zoo.recipe.derived.resume import Change, changes
from zoo.recipe.schema import file_schema
from zoo.recipe.spec.data import MixtureData
from zoo.telling.notes import passed_over

OWN = {"source": "files", "folder": "own", "columns": {"text": "body"}}
PARTS: list[dict[str, Any]] = [
    {"data": "corpus", "weight": 0.7},
    {"name": "mine", "data": OWN, "weight": 0.2},
    {"data": {"base": "corpus", "valid": False}, "weight": 0.1},
]


def mixture(catalog: Catalog, parts: Any = PARTS, **more: Any) -> Path:
    return catalog.recipe(data={"source": "mixture", "parts": parts, **more})


def parts_of(path: Path, *words: str) -> dict[str, Any]:
    data = load_recipe(path, words).data
    assert isinstance(data, MixtureData)
    return {name: (part.weight, part.data) for name, part in data.parts.items()}


def test_a_list_of_parts_is_called_by_names_fragments_and_numbers(catalog: Catalog) -> None:
    parts = parts_of(mixture(catalog, [*PARTS, {"data": OWN, "weight": 3}]))
    assert list(parts) == ["corpus", "mine", "corpus-2", "3"]
    assert [weight for weight, _ in parts.values()] == [0.7, 0.2, 0.1, 3]
    assert parts["corpus"][1].valid == 0.1
    assert parts["corpus-2"][1].valid is False
    assert parts["corpus-2"][1].folder == str(catalog.root / "data" / "texts")
    assert parts["mine"][1].folder == str(catalog.root / "recipes" / "own")


def test_a_mixture_may_be_a_fragment_and_is_written_out_whole(catalog: Catalog) -> None:
    named = {"a": {"data": "corpus", "weight": 2}, "b": {"data": OWN, "weight": 1}}
    catalog.write("data/both", {"source": "mixture", "parts": named})
    loaded = load_recipe(catalog.recipe(data="both"))
    assert origin(loaded, "data.parts.a.data.train") == "data/corpus.json"
    assert origin(loaded, "data.parts.a.weight") == "data/both.json"
    whole = expanded(loaded)
    again = load_recipe(catalog.write("elsewhere/recipe", whole))
    assert expanded(again) == whole
    changed = catalog.recipe(data={"base": "both", "parts": {"b": {"weight": 5}}})
    assert [weight for weight, _ in parts_of(changed).values()] == [2, 5]


def test_words_change_parts_as_they_change_sections(catalog: Catalog) -> None:
    path = mixture(catalog)
    parts = parts_of(path, "data.parts.mine.weight=4", "data.parts.mine.data=corpus")
    assert parts["mine"] == (4, parts["corpus"][1])
    parts = parts_of(path, "data.parts.corpus=unset", "data.parts.mine.data.folder=here")
    assert list(parts) == ["mine", "corpus-2"]
    assert parts["mine"][1].folder == str(catalog.root / "here")
    assert list(parts_of(path, 'data.parts=[{"data":"corpus","weight":1}]')) == ["corpus"]


def test_twins_of_mixtures_read_less_of_each_of_ones_own_parts_and_none_of_shipped_ones(
    catalog: Catalog,
) -> None:
    data = load_recipe(mixture(catalog), tiny=True).data
    assert isinstance(data, MixtureData)
    assert {part.data.max_train_examples for part in data.parts.values()} == {256}
    assert (data.max_valid_examples, data.max_epochs) == (64, False)
    shipped = [{"data": "wikipedia", "weight": 1}, *PARTS]
    assert load_recipe(mixture(catalog, shipped), tiny=True).data.source == "built-in"


FAULTS = {
    "data.parts.mine.data.foldr=x": ("data.parts.mine.data.foldr", "an unknown key"),
    "data.parts.mine.wait=1": ("data.parts.mine.wait", "an unknown key"),
    "data.parts.mine.weight=0": ("data.parts.mine.weight", "0"),
    "data.parts.mine.data=corpse": ("data.parts.mine.data", '"corpse"'),
    "data.parts.mine.data.columns.txt=a": ("data.parts.mine.data.columns.txt", "an unknown key"),
    "data.parts.mine.data.source=mixture": ("data.parts.mine.data.source", '"mixture"'),
    "data.parts.mine.weight=unset": ("data.parts", "no weight for mine"),
    "data.temperature=3": ("data.parts", "weights (corpus, mine, corpus-2) beside data.temper"),
    "data.parts.mine.data.max_corrupt=9": ("data.parts.mine.data.max_corrupt", "9"),
    "data.parts.mine.data.sampling=group-by-length": (
        "data.parts.mine.data.sampling",
        "group-by-length in a part",
    ),
    "data.valid=0.1": ("data.valid", "an unknown key"),
}


@pytest.mark.parametrize("word", FAULTS)
def test_what_is_wrong_with_a_part_is_said_under_its_key(word: str, catalog: Catalog) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(mixture(catalog), [word])
    [fault] = caught.value.faults
    key, found = FAULTS[word]
    assert fault.key == key
    assert fault.found.startswith(found)


def test_workers_of_a_part_are_passed_over_and_said(catalog: Catalog) -> None:
    path = mixture(catalog)
    assert not passed_over(load_recipe(path))
    [line] = passed_over(load_recipe(path, ["data.parts.mine.data.workers=9", "data.workers=3"]))
    assert line == "data.workers 3 read all parts; what is said in mine (9) is passed over"


def test_a_run_goes_on_with_other_weights_and_not_with_other_parts(catalog: Catalog) -> None:
    path = mixture(catalog)
    old = expanded(load_recipe(path))
    new = expanded(
        load_recipe(path, ["data.parts.mine.weight=1.0", "data.parts.mine.data.valid=a"])
    )
    found = changes(old, new)
    assert found.refused == ()
    assert found.reported == (Change("data.parts.mine.weight", 0.2, 1.0),)
    for word in ("data.parts.mine=unset", "data.parts.mine.data.train=other"):
        assert changes(old, expanded(load_recipe(path, [word]))).refused
    listed = mixture(catalog, [PARTS[1], PARTS[0], PARTS[2]])
    assert changes(old, expanded(load_recipe(listed))) == changes(old, old)


def test_editors_are_offered_fragments_and_keys_of_parts(catalog: Catalog) -> None:
    schema = file_schema((catalog.root,))
    keyed, listed = schema["properties"]["data"]["anyOf"][-1]["properties"]["parts"]["anyOf"]
    assert keyed["additionalProperties"] == listed["items"] == {"$ref": "#/$defs/DataPart"}
    part = schema["$defs"]["DataPart"]
    assert set(part["properties"]) == {"name", "data", "weight"}
    names, _, section = part["properties"]["data"]["anyOf"]
    assert names == {"enum": ["corpus"]}
    assert {"base", "folder", "columns", "source"} <= set(section["properties"])
    assert "mixture" not in section["properties"]["source"]["enum"]
