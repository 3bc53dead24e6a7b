"""The JSON Schema that editors read."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.recipe.conftest import Catalog
from zoo.recipe.compose.catalog import catalogs, fragments, shipped_catalog
from zoo.recipe.schema import file_schema

SECTIONS = ("task", "model", "data", "parallel", "optimizer")


def test_the_shipped_schema_is_fresh() -> None:
    written = (shipped_catalog() / "schema" / "recipe.json").read_text(encoding="ascii")
    assert json.loads(written) == file_schema()


def test_names_of_fragments_are_offered_but_not_required() -> None:
    properties = file_schema()["properties"]
    for section in SECTIONS:
        named, free, _ = properties[section]["anyOf"]
        assert named == {"enum": fragments(section, (shipped_catalog(),))}
        assert free["type"] == "string"


def test_fragments_of_an_own_catalog_are_offered_too(catalog: Catalog) -> None:
    schema = file_schema(catalogs(catalog.root))
    assert "small" in schema["properties"]["model"]["anyOf"][0]["enum"]


def test_keys_have_their_docstrings_as_hover_text() -> None:
    schema = file_schema()
    run = schema["$defs"]["RunSpec"]["properties"]
    said = "Examples (or `batch_unit`) per optimizer step, all ranks together."
    assert run["batch"]["description"] == f"{said} Unit: examples, or what run.batch_unit says."
    for section in SECTIONS:
        keys = schema["properties"][section]["anyOf"][2]["properties"]
        for key, node in keys.items():
            assert "description" in node or "anyOf" in node, f"{section}.{key}"


def test_units_are_told_where_editors_look() -> None:
    text = json.dumps(file_schema())
    assert '"unit"' not in text and "Unit: steps, or a share of the run." in text


def test_whatever_is_referred_to_is_defined() -> None:
    schema = file_schema()
    named = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))
    assert named == set(schema["$defs"])


def test_a_file_never_holds_null() -> None:
    assert '"null"' not in json.dumps(file_schema())


def test_a_section_with_a_base_may_leave_everything_else_out() -> None:
    optimizer = file_schema()["properties"]["optimizer"]["anyOf"][2]
    assert optimizer["anyOf"] == [{"required": ["base"]}, {"required": ["type"]}]
    scheduler = optimizer["properties"]["scheduler"]["anyOf"]
    assert "required" not in scheduler[0]
    assert scheduler[1] == {"const": False}


def test_only_a_models_object_may_hold_a_twin() -> None:
    properties = file_schema()["properties"]
    twins = [name for name in SECTIONS if "tiny" in properties[name]["anyOf"][2]["properties"]]
    assert twins == ["model"]


def _undescribed(node: Any, path: str = "") -> Iterator[str]:
    """The keys below a node that say nothing in an editor."""
    if isinstance(node, list):
        for one in node:
            yield from _undescribed(one, path)
    elif isinstance(node, dict):
        for name, one in node.get("properties", {}).items():
            inner = [one, *one.get("anyOf", ())]
            if not any(each.get("description") or "$ref" in each for each in inner):
                yield f"{path}.{name}"
        for name, one in node.items():
            for key, each in one.items() if name == "properties" else ((name, one),):
                yield from _undescribed(each, f"{path}.{key}")


def test_every_key_at_any_depth_has_a_sentence() -> None:
    assert list(_undescribed(file_schema())) == []


def test_words_of_deepspeed_and_parameters_have_their_defaults() -> None:
    properties = file_schema()["properties"]
    zero = properties["parallel"]["anyOf"][2]["properties"]["zero"]["properties"]
    assert zero["overlap_comm"]["description"].startswith("Attempts to overlap")
    assert zero["reduce_scatter"]["default"] is True
    optimizer = properties["optimizer"]["anyOf"][2]["properties"]
    schedule = optimizer["scheduler"]["anyOf"][0]["properties"]["params"]["properties"]
    assert schedule["gamma"]["default"] == 0.1
    assert "default" not in optimizer["params"]["properties"]["lr"]  # each has its own
    columns = properties["data"]["anyOf"][2]["properties"]["columns"]
    assert columns["properties"]["text"]["description"] == "The text of an example."
