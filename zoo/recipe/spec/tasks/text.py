"""Tasks of text: their keys."""

from typing import Literal

from zoo.recipe.spec.task import ClassificationSpec, Smoothing, TaskSpec
from zoo.recipe.spec.words import Share, TwoOrMore


class CausalLMSpec(TaskSpec):
    """Predict the next token of packed text, or of completions and chats."""

    kind: Literal["causal-lm"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Tokens in a block; a longer prompt loses its beginning, a longer completion its end."""
    loss_on: Literal["completions", "all"] = "completions"
    """Which tokens are targets; with a plain `text` column both are the same."""


class MaskedLMSpec(TaskSpec):
    """Predict hidden tokens of packed text (BERT)."""

    kind: Literal["masked-lm"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Tokens in a block."""
    mask_probability: Share = 0.15
    """Share of the tokens that are targets: 80 % hidden, 10 % replaced, 10 % left as they are."""
    whole_word: bool = False
    """Choose whole words instead of tokens; needs a word-piece tokenizer."""


class SequenceClassificationSpec(ClassificationSpec):
    """Name the class of a text or of a pair of texts."""

    kind: Literal["sequence-classification"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Longer examples are truncated to this many tokens."""
    mask_probability: Smoothing = 0.0
    """Share of the tokens hidden in training, as regularisation."""


class TokenClassificationSpec(TaskSpec):
    """Name the tag of each word: entities, phrases, parts of speech."""

    kind: Literal["token-classification"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Longer examples are truncated to this many tokens; words beyond them are scored as O."""
    scheme: Literal["iob1", "iob2", "iobes", "words"] | None = None
    """How tags mark entities, each word alone with words; absent: as the train rows have it."""
