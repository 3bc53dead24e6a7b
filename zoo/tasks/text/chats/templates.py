"""How chats become text: the template of a recipe, of those that come with us, or a tokenizer's."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import TemplateError, TemplateSyntaxError
from transformers import PreTrainedTokenizerBase

from zoo.data.rows import CorruptExample, digest
from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault
from zoo.tasks.text.conversations import marked_ids
from zoo.tasks.text.encoding import Speller
from zoo.tasks.text.kept import made_from_texts
from zoo.tasks.text.tokenizer import tokenizer_fingerprint
from zoo.tasks.text.tokens import tokenizer_key
from zoo.tasks.text.vocabulary import CAUSAL, CHAT, Specials

KEY = "model.chat_template"
SPECIALS: dict[str, Specials] = {
    "chatml": CHAT,
    "llama3": {"eos_token": "<|eot_id|>", "bos_token": "<|begin_of_text|>"},
    "zephyr": CAUSAL,
    "alpaca": CAUSAL,
}
"""By the name of a template: the special tokens of a tokenizer that is made for it."""
_OWN_END = ("zephyr", "alpaca")  # they end a turn with the tokenizer's own end of text
_PROBE = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


@cache
def shipped(name: str) -> str:
    """The template of one of the names in SPECIALS, in Jinja."""
    return (Path(__file__).parent / "shipped" / f"{name}.jinja").read_text(encoding="ascii")


def chat_specials(recipe: Recipe) -> Specials:
    """The special tokens of a tokenizer that is made here, to write chats with."""
    return SPECIALS.get(recipe.model.chat_template or "", CHAT)


@dataclass(frozen=True)
class Templated:
    """What came of giving a tokenizer its template: faults, or what is to be said at the start, and
    `ends`, the ids that end what the assistant says.
    """

    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    ends: tuple[int, ...] = ()


def written_by(tokenizer: PreTrainedTokenizerBase, chats: bool) -> dict[str, str]:
    """The digests (see Task) of what turns rows into ids: the tokenizer, of chats its template."""
    template = {"chat template": digest(tokenizer.chat_template)} if chats else {}
    return {"tokenizer": tokenizer_fingerprint(tokenizer), **template}


def give_template(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Templated:
    """Lets the tokenizer write chats as the recipe says: by `model.chat_template`, else by its own
    template, else, if it is made here, as ChatML.

    With a template of the recipe's the token that ends an answer is the tokenizer's end of text
    from now on.
    """
    chosen, made = recipe.model.chat_template, _made_here(recipe)
    if chosen in SPECIALS:
        tokenizer.chat_template = shipped(chosen)
    elif chosen is not None:
        try:
            tokenizer.chat_template = Path(chosen).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            allowed = f"{', '.join(SPECIALS)}, or a file in Jinja"
            return Templated((fault(recipe, KEY, f"{chosen} ({why})", allowed),))
    elif made:
        tokenizer.chat_template = shipped("chatml")
    if not tokenizer.chat_template:
        found = f"nothing, with a tokenizer without chat template ({tokenizer_key(recipe)})"
        return Templated((fault(recipe, KEY, found, _allowed(), f"{KEY}=alpaca"),))
    return _probed(recipe, tokenizer, chosen)


def _probed(recipe: Recipe, tokenizer: PreTrainedTokenizerBase, chosen: str | None) -> Templated:
    """What a chat of two words is in the tokenizer's template."""
    said = chosen or "the chat template of its own"
    end, why = None, "nothing ends what the assistant says in one token"
    try:
        tokenizer.apply_chat_template(_PROBE, tokenize=False)
        end = _end_of(tokenizer)
    except TemplateSyntaxError as error:
        key = KEY if chosen else tokenizer_key(recipe)
        found = f"{said} (line {error.lineno}: {error.message})"
        return Templated((fault(recipe, key, found, "a template in Jinja"),))
    except (TemplateError, TypeError, ValueError, CorruptExample) as error:
        why = f"the template fails: {error}"
    if chosen in SPECIALS and end is None:
        found = f"{chosen} with a tokenizer of which {why}"
        allowed = f"{' or '.join(_OWN_END)}, which end with its end of text, or a tokenizer for it"
        return Templated((fault(recipe, KEY, found, allowed, f"{KEY}={_OWN_END[-1]}"),))
    if end is None:
        return Templated(notes=(f"{said}: {why}, so that generation ends by length alone",))
    if chosen is not None:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    return Templated(ends=(end,))


def _end_of(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The last special token that the assistant writes; None where it writes none."""
    ids, marks = marked_ids(Speller.of(tokenizer), {"messages": _PROBE})
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    written = [token for token, mark in zip(ids, marks, strict=True) if mark and token in special]
    return written[-1] if written else None


def _made_here(recipe: Recipe) -> bool:
    return recipe.model.tokenizer == "bytes" or made_from_texts(recipe)


def _allowed() -> str:
    return f"{', '.join(SPECIALS)}, a file in Jinja, or a tokenizer with a template"
