"""Command lines that start a training script: launcher, script, and the script's words."""

import re
import shlex
from typing import Any

from zoo.errors import ConfigError, Fault

_SCRIPT = re.compile(r"[\w./${}~-]*\w+\.py")
_LAUNCHERS = {"torchrun": "torchrun", "deepspeed": "deepspeed", "accelerate": "accelerate"}
_ASSIGNED = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(\S*)")


def is_command(text: str) -> bool:
    """Whether a file is a command line, or a shell script with one."""
    if text.lstrip()[:1] in ("{", "["):
        return False
    return any(_starts_training(line) for line in _lines(text))


def _starts_training(line: str) -> bool:
    launched = re.search(r"(^|\s)--\w|^(torchrun|deepspeed|accelerate|python3?)\b", line)
    return bool(re.match(r"trl\s+\w", line) or (_SCRIPT.search(line) and launched))


def parsed_command(text: str, name: str) -> dict[str, Any]:
    """The leaves of a command line: `script`, its flags, and the launcher's under its name.

    Variables that the same file assigns are filled in. Raises ConfigError where no script stands.
    """
    variables: dict[str, str] = {}
    for line in _lines(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            allowed = "a command as a shell reads it"
            raise ConfigError([Fault(name, "command", str(error).lower(), allowed)]) from None
        words = _as_script([_filled(word, variables) for word in words])
        place = next((at for at, word in enumerate(words) if _SCRIPT.fullmatch(word)), None)
        if place is None:
            found = [match for word in words if (match := _ASSIGNED.fullmatch(word))]
            variables |= {match.group(1): match.group(2) for match in found}
            continue
        script = words[place].rsplit("/", 1)[-1]
        return {**_launcher(words[:place]), "script": script, **_flags(words[place + 1 :])}
    allowed = "a training script and its words, as in run_clm.py --model_name_or_path gpt2"
    raise ConfigError([Fault(name, "command", "no script", allowed)])


def _as_script(words: list[str]) -> list[str]:
    """TRL's command (`trl sft ...`) as the script that it starts."""
    return [f"{words[1]}.py", *words[2:]] if words[:1] == ["trl"] and len(words) > 1 else words


def _lines(text: str) -> list[str]:
    joined = re.sub(r"\\[ \t]*\r?\n", " ", text)
    return [line for line in joined.splitlines() if line.strip() and line.lstrip()[:1] != "#"]


def _filled(word: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match.group(1) or match.group(2), match.group())

    return re.sub(r"\$\{(\w+)\}|\$(\w+)", value, word)


def _launcher(words: list[str]) -> dict[str, Any]:
    """What stands before the script: variables as `environment.`, flags as the launcher's."""
    leaves: dict[str, Any] = {}
    while words and (match := _ASSIGNED.fullmatch(words[0])):
        leaves[f"environment.{match.group(1)}"] = number(match.group(2))
        words = words[1:]
    name = next((_LAUNCHERS[one] for one in words if one in _LAUNCHERS), "")
    if any("torch.distributed" in one for one in words):
        name = "torchrun"
    flags = [one for one in words if one not in ("-m", "torch.distributed.run", "launch")]
    start = next((at for at, one in enumerate(flags) if one.startswith("-")), len(flags))
    found = _flags(flags[start:])
    return leaves | {f"{name or 'python'}.{key}": value for key, value in found.items()}


def _flags(words: list[str]) -> dict[str, Any]:
    """Flags with their values: none is true, several are a list; the last of a name counts."""
    leaves: dict[str, Any] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("--"):
            if word.endswith((".json", ".yaml", ".yml")):
                leaves["config_file"] = word
            elif word.strip("&|>;2"):
                leaves[word] = True
            continue
        key, equal, value = word[2:].partition("=")
        values = [value] if equal else []
        while not equal and at < len(words) and not re.match(r"--?[A-Za-z]", words[at]):
            values.append(words[at])
            at += 1
        read = [number(one) for one in values]
        leaves[key.replace("-", "_")] = read if len(read) > 1 else read[0] if read else True
    return leaves


def number(text: str) -> Any:
    """A word of a command line as a number or a truth value, where it is one."""
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
