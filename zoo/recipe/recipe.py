"""What a run is: its sections as one frozen model; all that is chosen, nothing derived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

from pydantic import Field, GetCoreSchemaHandler, PrivateAttr
from pydantic_core import CoreSchema

from zoo.recipe.provenance import Key, Provenance, split_key
from zoo.recipe.spec.data import DataSpec
from zoo.recipe.spec.model import ModelSpec
from zoo.recipe.spec.optimizer import OptimizerSpec
from zoo.recipe.spec.parallel import ParallelSpec
from zoo.recipe.spec.run import RunSpec
from zoo.recipe.spec.sections import NULL_IS_A_VALUE
from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.spec.words import Spec
from zoo.recipe.vocabulary.kinds import KINDS


@dataclass(frozen=True)
class OneOf:
    """A field that holds the spec of one of some entries, told apart by a word of theirs.

    The entries are read when the model is built (`Recipe.model_rebuild`), so that a table is the
    only list of them.
    """

    entries: Mapping[str, Any]
    word: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """See pydantic: the schema of the tagged union."""
        specs = tuple(dict.fromkeys(entry.spec for entry in self.entries.values()))
        tagged: Any = Annotated[Union[specs], Field(discriminator=self.word)]  # noqa: UP007
        return handler.generate_schema(tagged)


class Recipe(Spec):
    """One training run: task, model, data, parallel, optimizer and run."""

    schema_: Any = Field(default=None, alias="$schema")
    """For editors; any value."""
    description: str | None = None
    """What this is; published source of the numbers."""
    task: Annotated[TaskSpec, OneOf(KINDS, "kind")]
    """How an example becomes tensors, a loss and a score."""
    model: ModelSpec
    """What the exported Hugging Face folder holds, and which of it is trained."""
    data: DataSpec
    """What lies on the disk."""
    parallel: ParallelSpec = ParallelSpec()
    """What is split, moved, recomputed or sent."""
    optimizer: OptimizerSpec
    """Everything about the update."""
    run: RunSpec
    """How long, how much at once, which precision, when to look, where to write."""

    _provenance: Provenance = PrivateAttr(default_factory=Provenance)

    @property
    def name(self) -> str:
        """Stem of the recipe's file, `-tiny` added for its twin: the run's name."""
        return self._provenance.name

    @property
    def provenance(self) -> Provenance:
        """Where each value came from."""
        return self._provenance


def expanded(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a JSON-ready object without fragments and relative paths; loads to an equal."""
    return _spoken(recipe.model_dump(mode="json", by_alias=True), ())


def _spoken(value: dict[str, Any], path: Key) -> dict[str, Any]:
    """Without the keys that are absent; null in `model.config` and `model.processor` is a value."""
    open_map = path in NULL_IS_A_VALUE
    return {
        name: _spoken(part, (*path, name)) if isinstance(part, dict) and not open_map else part
        for name, part in value.items()
        if part is not None or open_map
    }


def origin(recipe: Recipe, key: str) -> str:
    """The file, or `command line: word`, that a value (or the object around it) came from."""
    return origin_of(recipe, split_key(key))


def origin_of(recipe: Recipe, path: Key) -> str:
    """The same for a path of names, which may hold dots."""
    origins = recipe.provenance.origins
    while path and path not in origins:
        path = path[:-1]
    return origins.get(path, "recipe")
