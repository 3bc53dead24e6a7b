"""Each fact has one entry: what entries name exists, and what they say is what classes do."""

from typing import Any, get_args

import pytest
import transformers

from zoo.data.source import READERS
from zoo.data.sources.built_in import BUILT_IN
from zoo.predicting.predictor import Predictor
from zoo.recipe.compose.catalog import fragments, shipped_catalog
from zoo.recipe.spec.compression import CompressionSpec
from zoo.recipe.spec.data import BuiltInData, DataSpec
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.named import named
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import Parameter
from zoo.recipe.vocabulary.roles import ROLES
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

PLACES = {
    **{f"kind {name}": one.task for name, one in KINDS.items()},
    **{f"optimizer {name}": one.made_by for name, one in OPTIMIZERS.items()},
    **{f"owners of {name}": one.sharded_by for name, one in OPTIMIZERS.items() if one.sharded_by},
    **{f"each of {name}": one.each for name, one in OPTIMIZERS.items() if one.each},
    **{f"schedule {name}": one.factor for name, one in SCHEDULERS.items() if one.factor},
    **{f"compressor {name}": one.made_by for name, one in COMPRESSORS.items()},
}
PARAMETERS = {
    f"{name}.{key}": one
    for entries in (OPTIMIZERS, SCHEDULERS)
    for name, entry in entries.items()
    for key, one in entry.parameters.items()
}


def literals(annotation: Any) -> set[str]:
    """The words of a Literal."""
    return set(get_args(annotation))


def kinds_of(union: Any, word: str) -> set[str]:
    """The words by which a tagged union tells its specs apart."""
    specs = get_args(get_args(union)[0])
    return set().union(*(literals(spec.model_fields[word].annotation) for spec in specs))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_an_entry_names_exists(place: str) -> None:
    assert callable(named(place))


@pytest.mark.parametrize("one", PARAMETERS.values(), ids=PARAMETERS)
def test_a_parameter_says_what_it_means(one: Parameter) -> None:
    assert (one.doc.endswith((".", ".\n")) and one.doc[0].isupper()) or one.doc[0].isdigit()
    assert not (one.required and one.default is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_reads_roles_and_gives_scores_that_are_known(kind: str) -> None:
    entry = KINDS[kind]
    assert {role for roles in entry.roles for role in roles} <= set(ROLES)
    assert "loss" in entry.scores and entry.headline in entry.scores
    assert all(score.doc for score in entry.scores.values())
    assert entry.built_in and set(entry.built_in) <= set(BUILT_IN)
    assert literals(entry.spec.model_fields["kind"].annotation) == {kind}
    assert hasattr(transformers, entry.head)


def test_every_kind_has_a_twin_of_its_name_and_no_other_is_there() -> None:
    assert set(fragments("tiny", (shipped_catalog(),))) == set(KINDS)


def test_what_may_be_said_is_what_there_is() -> None:
    assert kinds_of(CompressionSpec, "kind") == set(COMPRESSORS)
    assert kinds_of(DataSpec, "source") == set(READERS) | {"mixture"}  # of others' parts
    assert literals(BuiltInData.model_fields["name"].annotation) == set(BUILT_IN)


def test_an_optimizer_that_averages_itself_says_when_it_begins_and_what_it_is_a_form_of() -> None:
    for name, one in OPTIMIZERS.items():
        assert one.averages_itself == bool(one.begins) == bool(one.dense) == bool(one.title), name
        assert not one.dense or OPTIMIZERS[one.dense].update == one.update
        for key in (*one.unused, *one.kernels, *one.rates, *one.fixed):
            assert key in one.parameters


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_has_learned_can_be_used(kind: str) -> None:
    predictor = named(KINDS[kind].predictor)
    assert issubclass(predictor, Predictor) and not predictor.__abstractmethods__
    assert {role for choice in predictor.choices for role in choice} <= ROLES.keys()
