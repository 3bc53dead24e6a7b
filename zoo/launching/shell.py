"""Words that go through the shells of other machines, and arrive as they were typed."""

import base64
import json
import re
from collections.abc import Mapping, Sequence

from zoo.errors import ConfigError, Fault

_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
"""Characters that neither a shell nor pdsh (which replaces %n, %h and %u) reads otherwise."""
_QUOTED = re.compile(r'[^"$`\\\n]*')
"""What stays as it is between double quotes."""
EXPORTED = ("MLFLOW", "PYTHON", "MV2", "UCX", "NCCL")
"""How the variables begin that DeepSpeed exports on other machines, between double quotes:
deepspeed/launcher/runner.py: EXPORT_ENVS, accelerator/cuda_accelerator.py: export_envs.
"""


def sent(words: Sequence[str]) -> list[str]:
    """`train` and its words for a remote shell: as they are if they are plain, else encoded."""
    if all(_PLAIN.fullmatch(word) for word in words):
        return ["train", *words]
    text = json.dumps(list(words)).encode("ascii")
    return ["train-encoded", base64.urlsafe_b64encode(text).decode("ascii")]


def arrived(encoded: str) -> list[str]:
    """The words that `sent` encoded; ConfigError for another text."""
    try:
        words = json.loads(base64.b64decode(encoded, altchars=b"-_", validate=True))
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        allowed = "what `zoo launch` made of words"
        raise ConfigError([Fault("command line", "WORDS", "no encoded words", allowed)])
    return words


def shell_faults(places: Mapping[str, str], environment: Mapping[str, str]) -> list[Fault]:
    """What DeepSpeed would hand to other machines' shells unquoted, or quoted too little.

    `places` are paths that it writes into the command, by what they are.
    """
    faults = [
        Fault("command line", what, path, "letters, digits and _@+=:,./- for other machines")
        for what, path in places.items()
        if not _PLAIN.fullmatch(path)
    ]
    return faults + [
        Fault("environment", name, value, 'no " $ ` \\, which shells of other machines read')
        for name, value in environment.items()
        if name.startswith(EXPORTED) and not _QUOTED.fullmatch(value.strip())
    ]
