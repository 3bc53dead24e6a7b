"""A family is one place: a file of plain data lets an architecture run in stages and on slices."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor
from transformers.masking_utils import create_bidirectional_mask

from tests.ranks import run_ranks
from tests.recipe.vocabulary.make_tables import family_entry
from tests.runs import SHORT, furthest, losses, twin
from zoo.errors import ConfigError
from zoo.models.families import FAMILIES
from zoo.models.stage import Family, Hidden
from zoo.recipe import load_recipe
from zoo.recipe.vocabulary.tables import table
from zoo.telling.families import families_object
from zoo.training.run import run

TYPE = "ernie"
LAYER = "ernie.encoder.layer.*"
RECIPE = twin("masked-lm")
WORDS = (
    *SHORT,
    "run.steps=4",
    'model.config={"model_type": "ernie", "hidden_size": 32, "num_hidden_layers": 2,'
    ' "num_attention_heads": 2, "intermediate_size": 64, "hidden_dropout_prob": 0.0,'
    ' "attention_probs_dropout_prob": 0.0}',
)


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Tokens and positions."""
    return model.ernie.embeddings(inputs["input_ids"]), inputs.get("attention_mask")


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The mask as attention takes it."""
    made = create_bidirectional_mask(config=model.config, inputs_embeds=hidden, attention_mask=mask)
    return {"attention_mask": made}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """Logits over the vocabulary."""
    return {"logits": model.cls(hidden)}


FAMILY = Family(
    first=("ernie.embeddings",),
    layers=LAYER,
    embed=embed,
    around=around,
    head=head,
    tensor={
        f"{LAYER}.attention.self.query": "colwise",
        f"{LAYER}.attention.self.key": "colwise",
        f"{LAYER}.attention.self.value": "colwise",
        f"{LAYER}.attention.output.dense": "rowwise",
        f"{LAYER}.intermediate.dense": "colwise",
        f"{LAYER}.output.dense": "rowwise",
    },
)


@contextmanager
def known() -> Iterator[None]:
    """While it lasts the family has its file, and the table was made anew from it."""
    before = table("families")[TYPE]
    FAMILIES[TYPE] = FAMILY
    table("families")[TYPE] = family_entry(TYPE, before["tasks"])
    try:
        yield
    finally:
        del FAMILIES[TYPE]
        table("families")[TYPE] = before


def train(path: Path, words: list[str]) -> int:
    """`zoo train --tiny` in a process that knows the family."""
    with known():
        return run(load_recipe(path, words, tiny=True))


@pytest.mark.ranks(2)
def test_it_computes_in_stages_and_on_slices_what_one_process_does(tmp_path: Path) -> None:
    layouts = {"one": (1, []), "stages": (2, ["parallel.pipeline.stages=2"])}
    layouts["slices"] = (2, ["parallel.tensor=2"])
    for name, (world, words) in layouts.items():
        changes = [f"run.folder={tmp_path / name}", *WORDS, "parallel.zero.stage=0", *words]
        assert run_ranks(world, train, RECIPE, changes) == [0] * world
    one = losses(tmp_path / "one")
    for name in ("stages", "slices"):
        assert furthest(losses(tmp_path / name), one) < 1e-4


def test_it_stands_in_compat_and_without_its_file_it_trains_whole() -> None:
    words = [*WORDS, "parallel.pipeline.stages=2", "parallel.zero.stage=0"]
    with known():
        assert families_object()[TYPE] | {"tasks": []} == {
            "tasks": [], "stages": "yes", "tensor": "yes"
        }  # fmt: skip
        load_recipe(RECIPE, words, tiny=True)
    with pytest.raises(ConfigError, match=r"parallel\.pipeline\.stages: found 2 for ernie"):
        load_recipe(RECIPE, words, tiny=True)
