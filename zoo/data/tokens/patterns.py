"""By which pattern a tokenizer cuts words, if it does only that; and the same for ASCII text."""

import json
import re
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SPACED = r"[^ \t\n\r]+"
"""What stands between spaces, which BERT's tokenizer cuts further."""
_ASCII = {
    r"\p{L}": "A-Za-z",
    r"\p{Lu}": "A-Z",
    r"\p{Ll}": "a-z",
    r"\p{N}": "0-9",
    r"\s": r" \t\n\r\f\v",
    **dict.fromkeys((r"\p{M}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}"), ""),
}
_PARTS = re.compile(r"\\p\{\w+\}|\\.|[\[\]]|.", re.DOTALL)


def pattern_of(inner: Tokenizer) -> str | None:
    """The pattern that cuts a text into words which are encoded each by itself, or None.

    That is so where nothing happens before or across cuts: byte-level ones (GPT-2, Llama 3, Qwen),
    and BERT's, whose words are cut once more inside of what stands between spaces.
    """
    whole = json.loads(inner.to_str())
    before, cutter, model = whole["normalizer"], whole["pre_tokenizer"], whole["model"]
    if cutter is None or model.get("dropout"):
        return None
    if cutter["type"] == "BertPreTokenizer" and (before or {}).get("type") == "BertNormalizer":
        plain = all(not token["normalized"] for token in whole["added_tokens"])
        return SPACED if plain else None
    if before is not None:
        return None
    if cutter["type"] == "ByteLevel" and cutter["use_regex"] and not cutter["add_prefix_space"]:
        return GPT2
    return _split_pattern(cutter.get("pretokenizers", []))


def _split_pattern(steps: Sequence[dict[str, Any]]) -> str | None:
    """The pattern of a split that bytes follow."""
    if [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        return None
    split, level = steps
    plain = split["behavior"] == "Isolated" and not split["invert"]
    if not plain or level["use_regex"] or level["add_prefix_space"]:
        return None
    pattern = split["pattern"].get("Regex")
    return str(pattern) if pattern else None


def for_ascii(pattern: str) -> re.Pattern[str] | None:
    """The pattern for texts of ASCII alone, 2.6 times as fast as with classes of Unicode; None
    where it says more than letters, numbers and spaces.
    """
    found, inside = [], False
    for part in _PARTS.findall(pattern):
        if part in "[]":
            inside = part == "["
        members = _ASCII.get(part)
        if members is not None:
            part = members if inside else f"[{members}]" if members else "(?!)"
        elif part == r"\S" and not inside:
            part = f"[^{_ASCII[chr(92) + 's']}]"
        elif part.startswith("\\") and (part[1].isalnum() and part[1] not in "rnt"):
            return None
        found.append(part)
    try:
        return re.compile("".join(found))
    except re.error:
        return None
