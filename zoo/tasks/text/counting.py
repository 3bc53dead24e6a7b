"""How many tokens a text has, for filters that ask before there is a task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from zoo.data.filtering.values import Tokens
from zoo.recipe import Recipe
from zoo.recipe.spec.data import sections
from zoo.recipe.spec.filters import by_tokens
from zoo.tasks.text.encoding import plain_backend
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint


def counter_of_tokens(recipe: Recipe) -> Tokens | None:
    """Counts by the recipe's tokenizer; None where no filter asks for tokens.

    The tokenizer is one that is not made from the rows. Raises ConfigError where it is not found.
    """
    if not any(by_tokens(data.filter) for _, data in sections(recipe.data).values()):
        return None
    tokenizer = build_tokenizer(recipe, lambda: iter(()), "", {})
    return Tokens(tokenizer_fingerprint(tokenizer), _counter(tokenizer))


def _counter(tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[str]], list[int]]:
    return _Fast(plain_backend(tokenizer)) if tokenizer.is_fast else _Slow(tokenizer)


@dataclass(frozen=True)
class _Slow:
    tokenizer: PreTrainedTokenizerBase

    def __call__(self, texts: Sequence[str]) -> list[int]:
        return [len(self.tokenizer.tokenize(text)) for text in texts]


@dataclass(frozen=True)
class _Fast:
    inner: Tokenizer

    def __call__(self, texts: Sequence[str]) -> list[int]:
        encoded = self.inner.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(one.ids) for one in encoded]
