"""The compatibility matrix: what the rules say of each choice, and the table of families."""

from pathlib import Path
from typing import Any

import pytest

import zoo
from tests.recipe.conftest import Catalog
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.checks.rules import RULES
from zoo.recipe.compat import PRECISIONS, Cell, answer, asks, matrix, strategies
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.tables import table
from zoo.telling.compat import YES, answer_page, matrix_page
from zoo.telling.families import families_object, families_page, marks

RECIPE = "gpt2-small-openwebtext"
LAYOUTS = Path(zoo.__file__).parents[1] / "configs" / "parallel"


def refused(
    recipe: str, words: list[str], tiny: bool = True, last: tuple[str, ...] = ()
) -> set[str]:
    """The keys that `zoo check` finds wrong."""
    try:
        load_recipe(recipe, words, tiny, last=last)
    except ConfigError as error:
        return {fault.key for fault in error.faults}
    return set()


def cells(recipe: str, *words: str) -> dict[tuple[str, str, str], Cell]:
    """The twin's cells by strategy, precision and optimizer."""
    found = matrix(recipe, words, tiny=True).cells
    return {(cell.strategy, cell.precision, cell.optimizer): cell for cell in found}


def test_every_layout_precision_and_optimizer_is_judged() -> None:
    names = sorted(path.stem for path in LAYOUTS.glob("*.json"))
    assert strategies(RECIPE) == names
    assert list(cells(RECIPE)) == [(n, p, o) for n in names for p in PRECISIONS for o in OPTIMIZERS]


@pytest.mark.parametrize("stem", [RECIPE, "resnet50-imagenet"])
def test_a_cell_is_what_the_check_of_the_same_words_says(stem: str) -> None:
    found = matrix(stem, tiny=True)
    for cell in found.cells:
        keys = {found.reasons[name].key for name in cell.reasons}
        assert refused(stem, [*cell.words]) == keys, cell


@pytest.mark.parametrize("path", recipes(), ids=lambda path: path.stem)
def test_the_nearest_alternative_of_every_refused_cell_is_legal(path: Path) -> None:
    found = matrix(str(path))
    several = [cell for cell in found.cells if cell.reasons]
    assert several
    for cell in several[::5]:
        assert cell.instead, cell
        assert not refused(str(path), [*cell.words], tiny=False, last=cell.instead), cell


def test_what_is_known_of_layouts_stands_in_the_matrix() -> None:
    gpt2, resnet = cells(RECIPE), cells("resnet50-imagenet")
    assert not gpt2["pipeline-2", "fp32", "AdamW"].reasons
    bf16 = gpt2["pipeline-2", "bf16", "AdamW"]
    assert bf16.reasons == ("masters of a pipeline",)
    assert bf16.instead == ("parallel.zero.stage=1",)
    assert gpt2["tensor-2", "bf16", "SGD"].reasons == ("norm of slices",)
    assert gpt2["zero-3-offload", "fp32", "Muon"].reasons == ("whole matrices",)
    assert gpt2["zero-3-offload", "fp32", "Muon"].instead[0] == "optimizer.type=AdamW"
    assert gpt2["hybrid-2x2", "fp32", "Lamb"].reasons == ("whole matrices", "matrices, not slices")
    assert resnet["tensor-2", "fp32", "SGD"].reasons == ("slices of a whole family",)
    assert not resnet["pipeline-2", "fp32", "SGD"].reasons


def test_a_layout_of_the_users_own_catalog_stands_beside_the_shipped_ones(catalog: Catalog) -> None:
    catalog.write("parallel/mine", {"zero": {"stage": 0}, "pipeline": {"stages": 3}})
    catalog.write("parallel/broken", {"zero": {"stage": 5}})
    found = matrix(str(catalog.recipe()))
    own = [cell for cell in found.cells if cell.optimizer == found.optimizer]
    by_name = {cell.strategy: cell for cell in own if cell.precision == "bf16"}
    assert by_name["mine"].reasons and not by_name["one"].reasons
    assert by_name["broken"].reasons == ("parallel.zero.stage",)
    assert set(by_name) == {"mine", "broken", "one", *strategies(RECIPE)}


def test_a_fault_that_no_choice_takes_away_is_the_recipes_own(catalog: Catalog) -> None:
    path = str(catalog.recipe())
    for words in (["run.batch=7"], ["run.stepz=3"], ["parallel.zero.stage=5"]):
        with pytest.raises(ConfigError):
            matrix(path, words)
    assert matrix(path, ["parallel.pipeline.stages=2", "parallel.zero.stage=3"]).cells


def test_an_architecture_that_comes_with_a_name_is_left_to_the_second_ring() -> None:
    words = ["model.name=google-bert/bert-base-uncased", "parallel.tensor=2"]
    found = matrix("resnet50-imagenet", words)
    assert not any("family" in name for name in found.reasons)
    assert any("the architecture is not in the recipe" in note for note in found.notes)


def test_experts_are_left_to_the_second_ring_with_a_note() -> None:
    found = matrix(RECIPE, ["model.config.model_type=mixtral"])
    assert not any("family" in name for name in found.reasons)
    assert any("moe_tp_experts" in note for note in found.notes)


def test_the_page_numbers_every_reason_and_says_why_and_what_instead() -> None:
    page = matrix_page(matrix(RECIPE))
    (heads, rows), (_, optimizers) = page.tables
    assert heads == ["with AdamW", *PRECISIONS]
    assert ["pipeline-2", YES, "1", "1"] in rows and ["zero-3", YES, YES, YES] in rows
    assert list(dict.fromkeys(row[0] for row in optimizers)) == [*OPTIMIZERS]
    assert ["SGD", "", "none"] in optimizers
    assert ["Muon", "4", "hybrid-2x2, tensor-2, tensor-4"] in optimizers
    assert page.lines[0] == "1  parallel.zero.stage: 1 in a pipeline, or run.precision fp32"
    assert page.lines[1].startswith("   because without ZeRO, DeepSpeed's BF16_Optimizer")
    assert page.lines[2].startswith("   source: deepspeed/runtime/bf16_optimizer.py")
    assert page.lines[3] == "   instead: parallel.zero.stage=1"


@pytest.mark.parametrize("rule", [r for r in RULES if r.source], ids=lambda rule: rule.name)
def test_a_source_upstream_says_what_it_is_cited_for(rule: Any) -> None:
    import importlib.util

    for source in rule.source.split("; "):
        file, _, words = source.partition(": ")
        package, _, rest = file.partition("/")
        if package in ("deepspeed", "transformers"):
            spec = importlib.util.find_spec(package)
            assert spec is not None and spec.origin is not None
            text = (Path(spec.origin).parent / rest).read_text(encoding="utf-8")
            assert words and words in text, source


FAMILIES = {
    "bert": (YES, YES),
    "gpt2": (YES, YES),
    "llama": (YES, YES),
    "mistral": (YES, YES),
    "vit": (YES, YES),
    "resnet": (YES, "whose matrices are convolutions"),
    "roberta": (YES, YES),
    "electra": (YES, YES),
    "distilbert": (YES, YES),
    "deberta-v2": ("whose layers all take", YES),
    "t5": ("whose decoder's layers all take", YES),
    "whisper": ("whose decoder's layers all take", YES),
    "wav2vec2": (YES, YES),
    "hubert": (YES, YES),
    "wavlm": ("whose first layer makes", "whose attention hands its matrices to one function"),
    "parakeet_ctc": (YES, YES),
    "wav2vec2-conformer": (YES, YES),
    "mixtral": (YES, "where a layer has them"),
    "gemma3n_text": ("which trains whole: more than hidden", "which trains whole: more"),
    "albert": ("which trains whole: nothing says", "which trains whole: nothing says"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_can_be_cut_as_far_as_it_can(name: str) -> None:
    for found, expected in zip(marks(table("families")[name]), FAMILIES[name], strict=True):
        assert (found or YES).startswith(expected)


def test_the_page_of_families_names_the_catalogs_models_and_everything_else() -> None:
    page = families_page()
    [(heads, rows)] = page.tables
    assert heads == ["architecture", "tasks", "pipeline stages", "tensor ranks"]
    assert [row[0].split()[0] for row in rows][:2] == ["bart", "bert"]
    numbers = {mark for row in rows for mark in row[2:]} - {YES}
    assert all(any(line.startswith(f"{n}  ") for line in page.lines) for n in numbers)
    assert families_object()["resnet"]["tasks"] == ["image-classification"]
    assert set(families_object()) == set(table("families"))


@pytest.mark.parametrize("kind", ["causal-lm", "sequence-classification"])
def test_whole_families_are_refused_before_anything_heavy_is_imported(
    kind: str, catalog: Catalog
) -> None:
    entries = table("families").items()
    whole = [name for name, one in entries if "family" not in one and kind in one["tasks"]]
    assert len(whole) > 20
    for name in whole[::10]:
        words = [f"model.config.model_type={name}", "parallel.pipeline.stages=2"]
        with pytest.raises(ConfigError, match=f"2 for {name}, which trains whole.*; allowed: 1 "):
            load_recipe(catalog.recipe(model={"config": {}, "tokenizer": "bytes"}), words)


def test_a_question_is_answered_as_the_matrix_has_it() -> None:
    for (strategy, precision, optimizer), cell in list(cells(RECIPE).items())[::23]:
        words = [f"parallel={strategy}", f"run.precision={precision}"]
        words += [] if optimizer == "AdamW" else [f"optimizer.type={optimizer}"]
        found = answer(RECIPE, words, tiny=True)
        assert {one.name for one in found.reasons} == set(cell.reasons), cell
        if found.reasons:
            assert not refused(RECIPE, [*found.words], last=found.instead), cell


def test_an_answer_is_a_line() -> None:
    (yes,) = answer_page(answer(RECIPE, ["parallel=zero-2"])).lines
    assert yes == f"yes: {RECIPE} goes with parallel=zero-2"
    (no,) = answer_page(answer(RECIPE, ["parallel=pipeline-2", "run.precision=bf16"])).lines
    assert no.startswith("no: parallel.zero.stage has to be ") and "instead: " in no


def test_an_optimizer_that_is_asked_about_keeps_the_rate_of_the_recipe() -> None:
    assert answer(RECIPE, ["optimizer.type=lion"]).words[-1] == "optimizer.params.lr=0.0006"
    own = ["optimizer.type=Lion", "optimizer.params.lr=1"]
    assert answer(RECIPE, own).words == tuple(own)


def test_only_words_of_the_matrix_are_questions() -> None:
    assert asks(["run.batch=4", "parallel.zero.stage=2"]) and asks(["run.precision=fp16"])
    assert not asks(["model=gpt2-medium", "run.batch=480"])


def test_what_is_misspelt_in_a_question_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="parallel=zero-3"):
        answer(RECIPE, ["parallel=zro-3"])
