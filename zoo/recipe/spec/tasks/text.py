"""Tasks of text: their keys."""

from typing import Annotated, Literal

from zoo.recipe.spec.task import ClassificationSpec, Smoothing, TaskSpec
from zoo.recipe.spec.words import NotNegative, Of, Positive, Share, Tokens


class CausalLMSpec(TaskSpec):
    """Predict the next token of packed text, or of completions and chats."""

    kind: Literal["causal-lm"]
    """Which task: decides the other keys of this section."""
    sequence_length: Tokens
    """Tokens in a block; a longer prompt loses its beginning, a longer completion its end."""
    loss_on: Literal["completions", "all"] = "completions"
    """Which tokens are targets; with a plain `text` column both are the same."""
    documents: Literal["joined", "masked", "apart"] | None = None
    """What stands in a row of sequence_length tokens. `joined`: texts one after the other, which
    see what stands before them; `masked`: as many as fit, none of which sees another, positions
    from 0 in each; `apart`: one chat or completion, padded. Absent: `joined` for a `text` column,
    else `apart`."""


class MaskedLMSpec(TaskSpec):
    """Predict hidden tokens of packed text (BERT)."""

    kind: Literal["masked-lm"]
    """Which task: decides the other keys of this section."""
    sequence_length: Tokens
    """Tokens in a block."""
    mask_probability: Share = 0.15
    """Share of the tokens that are targets: 80 % hidden, 10 % replaced, 10 % left as they are."""
    whole_word: bool = False
    """Choose whole words instead of tokens; needs a word-piece tokenizer."""


class SequenceClassificationSpec(ClassificationSpec):
    """Name the class of a text or of a pair of texts."""

    kind: Literal["sequence-classification"]
    """Which task: decides the other keys of this section."""
    problem: Literal["single-label", "multi-label", "regression", "pairs"] = "single-label"
    """What a row's label is: one class; any number of classes (a list of names or ids, or a column
    of 0 and 1 each); a number or several (a list, or a column each). With `pairs` it is the better
    of two answers: a reward model learns to give `chosen` a larger number than `rejected`."""
    sequence_length: Tokens
    """Longer examples are truncated to this many tokens."""
    mask_probability: Smoothing = 0.0
    """Share of the tokens hidden in training, as regularisation."""


class TokenClassificationSpec(TaskSpec):
    """Name the tag of each word: entities, phrases, parts of speech."""

    kind: Literal["token-classification"]
    """Which task: decides the other keys of this section."""
    sequence_length: Tokens
    """Longer examples are truncated to this many tokens; words beyond them are scored as O."""
    scheme: Literal["iob1", "iob2", "iobes", "words"] | None = None
    """How tags mark entities, each word alone with words; absent: as the train rows have it."""


class QuestionAnsweringSpec(TaskSpec):
    """Find the answer to a question in a context."""

    kind: Literal["question-answering"]
    """Which task: decides the other keys of this section."""
    sequence_length: Tokens
    """Tokens of a window: the question, and as much of the context as fits behind it."""
    stride: Annotated[NotNegative, Of("tokens")] = 128
    """Tokens of the context that two windows next to each other share."""
    max_answer_length: Annotated[Positive, Of("tokens")] = 30
    """Longest answer that is given, in tokens."""
    n_best: Annotated[Positive, Of("starts")] = 20
    """So many starts, and as many ends, of a window are looked at, the likeliest first."""
    version_2: bool | None = None
    """Whether questions may have no answer (SQuAD 2.0); absent: whether one of the rows has none.
    """
    null_threshold: float = 0.0
    """With version_2: no answer is given where its score is above the best one's by more."""
