"""How a model writes: what its name brings, under what the recipe says."""

from typing import Any

from torch import Tensor
from transformers import GenerationConfig, PreTrainedConfig
from transformers.utils import logging

from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.recipe.derived.exchange import zero_stage
from zoo.recipe.spec.tasks.sequences import Generate
from zoo.tasks.roles import fault
from zoo.tasks.text.files import brought_generation

_OF_DRAWING = (
    *("do_sample", "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p"),
    *("epsilon_cutoff", "eta_cutoff"),
)
_OF_LENGTH = ("max_length", "max_new_tokens")


def generation_config(
    recipe: Recipe, config: PreTrainedConfig, tokenizer: Any, said: Generate, longest: int
) -> GenerationConfig:
    """What evaluation generates with and exports write: the configuration's ids, the name's own
    file, the recipe's keys, each over the one before; at most `longest` new tokens where the recipe
    is silent, and never by draws, so that every layout writes the same.

    Raises ConfigError where the values do not go together.
    """
    values = {**plain(GenerationConfig.from_model_config(config)), **brought(recipe, tokenizer)}
    own = said.model_dump(exclude_none=True)
    values |= {"max_new_tokens": longest, **own}
    try:
        made = GenerationConfig(**values)
        made.validate(strict=True)
    except ValueError as error:
        why = " ".join(str(error).split())
        named = [f"task.generate.{key}" for key in own if f"`{key}`" in why]
        key = next(iter(named), "task.generate")
        raise ConfigError([fault(recipe, key, why, "values that go together")]) from error
    return made


def brought(recipe: Recipe, tokenizer: Any) -> dict[str, Any]:
    """The name's own file, less what draws, what is its longest text and what transformers notes
    of itself: `_from_model_config` would make it overlook all that is Whisper's alone.
    """
    found = brought_generation(recipe, tokenizer)
    left_out = (*_OF_DRAWING, *_OF_LENGTH)
    return {key: one for key, one in found.items() if key[0] != "_" and key not in left_out}


def plain(made: GenerationConfig) -> dict[str, Any]:
    """The values of a configuration for generation, without what transformers notes of itself."""
    found: dict[str, Any] = made.to_diff_dict()
    return {key: one for key, one in found.items() if key[0] != "_" and one is not None}


class Writer:
    """What a model writes in evaluation; every rank calls it equally often.

    Under ZeRO 3 each forward is a collective, so that a rank whose texts are done goes on until
    those of all are (generate's `synced_gpus`).
    """

    def __init__(self, recipe: Recipe, how: GenerationConfig) -> None:
        self.how, self.together = how, zero_stage(recipe) == 3

    def __call__(self, model: Any, inputs: Tensor, **others: Tensor) -> Tensor:
        """Ids (batch, length) for the encoder's `inputs` and `others` beside them."""
        before = logging.get_verbosity()
        logging.set_verbosity_error()  # Whisper's own calls inside it warn of each other
        try:
            found: Tensor = model.generate(
                inputs, generation_config=self.how, synced_gpus=self.together, **others
            )
        finally:
            logging.set_verbosity(before)
        return found
