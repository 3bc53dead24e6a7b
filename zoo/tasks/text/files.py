"""The files that a pretrained text model has beside its weights, in what is exported."""

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from zoo.models.config import located
from zoo.models.upstream import optional_file
from zoo.recipe import Recipe
from zoo.tasks.text.kept import made_from_texts
from zoo.tasks.text.tokens import SEGMENTS, has_segments

GENERATION = "generation_config.json"
_VOCABULARIES = (
    *("tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
    *("vocab.json", "merges.txt", "vocab.txt"),
)
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")


def save_tokenizer(
    recipe: Recipe, tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig, folder: Path
) -> None:
    """Writes the tokenizer, and the vocabulary files of the name that it came from, which other
    programs than transformers read. Of a model that does not tell texts apart it gives no segments.
    """
    names = tokenizer.model_input_names
    if not has_segments(tokenizer, config):
        tokenizer.model_input_names = [name for name in names if name != SEGMENTS]
    tokenizer.save_pretrained(folder)
    tokenizer.model_input_names = names
    chosen = recipe.model.tokenizer
    if chosen == "bytes" or made_from_texts(recipe):
        return
    place, revision = str(chosen or recipe.model.name), recipe.model.revision
    for name in _VOCABULARIES:
        found = brought_file(place, name, None if chosen else revision)
        if found is not None and not (folder / name).exists():
            shutil.copyfile(found, folder / name)


def save_generation(
    recipe: Recipe, tokenizer: PreTrainedTokenizerBase, folder: Path, ends: Sequence[int] = ()
) -> None:
    """Writes how the pretrained model generates, whole, over what the model's class makes up; it
    ends at each of `ends` as well.
    """
    values, file = brought_generation(recipe, tokenizer), folder / GENERATION
    if ends and not values and file.is_file():
        values = json.loads(file.read_text(encoding="utf-8"))
    if ends:
        own = values.get("eos_token_id", tokenizer.eos_token_id)
        known = [*ends, *(own if isinstance(own, list) else [own])]
        several = [one for one in dict.fromkeys(known) if one is not None]
        values["eos_token_id"] = several if len(several) > 1 else several[0]
    if values:
        file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def brought_generation(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """How the pretrained model generates, by its own file; empty where there is none.

    With another tokenizer than the name's own the special ids are that one's.
    """
    section = recipe.model
    place = section.weights or section.name
    if place is None or place == "random":
        return {}
    run = Path(located(place)) / "model"
    name = str(run) if (run / GENERATION).is_file() else place
    found = brought_file(name, GENERATION, section.revision if place == section.name else None)
    if found is None:
        return {}
    values: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    if section.tokenizer is not None:
        ids = {key: getattr(tokenizer, key) for key in _IDS}
        values |= {key: number for key, number in ids.items() if number is not None}
    return values


def brought_file(place: str, name: str, revision: str | None) -> Path | None:
    """A file of a folder or hub id; None where there is none in reach."""
    with suppress(OSError):
        return optional_file(located(place), name, revision)
    return None


def limit_length(tokenizer: PreTrainedTokenizerBase, length: int) -> None:
    """Lets a tokenizer that knows no longest text say the length that is trained on."""
    if tokenizer.model_max_length > 1 << 30:
        tokenizer.model_max_length = length
