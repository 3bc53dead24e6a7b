"""Tasks that write: their keys, and how they write."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.task import Smoothing, TaskSpec
from zoo.recipe.spec.words import NotNegative, Of, Positive, Spec, Tokens


class Generate(Spec):
    """How the model writes in evaluation, and in the exported folder; absent: as the
    generation_config.json of `model.name` says, else greedily. Nothing is ever drawn."""

    max_new_tokens: Annotated[Positive, Of("tokens")] | None = None
    """Longest text, in tokens; absent: as long as targets may be."""
    min_new_tokens: Annotated[NotNegative, Of("tokens")] | None = None
    """Shortest text, in tokens."""
    num_beams: Annotated[Positive, Of("beams")] | None = None
    """How many texts are followed at once; 1 is greedy."""
    length_penalty: float | None = None
    """Exponent of the length that a beam's score is divided by: above 0 favours long texts."""
    no_repeat_ngram_size: Annotated[NotNegative, Of("tokens")] | None = None
    """So many tokens in a row never occur twice; 0: they may."""
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    """Tokens that were written already are so much less likely; 1: they are not."""
    early_stopping: bool | None = None
    """End as soon as there are `num_beams` whole texts."""


class SequenceToSequenceSpec(TaskSpec):
    """Rewrite a text: summarise, translate, answer."""

    kind: Literal["sequence-to-sequence"]
    """Which task: decides the other keys of this section."""
    source_length: Tokens
    """Longer sources lose their end: so many tokens with the tokenizer's special ones."""
    target_length: Tokens
    """Longer targets lose their end, and are counted."""
    prefix: str = ""
    """What stands before every source, such as T5's `summarize: `."""
    label_smoothing: Smoothing = 0.0
    """Share of the target spread over all tokens (training only)."""
    generate: Generate = Generate()
    """How the model writes when it is scored."""
