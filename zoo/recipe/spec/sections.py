"""The sections of a recipe, and which word decides what else an object in them may hold."""

FOLDERS = ("task", "model", "data", "parallel", "optimizer")
"""Sections that a fragment may fill: a file in the catalog's folder of that name."""

SECTIONS = (*FOLDERS, "run")

SCORED = ("task", "model", "data")
"""Sections that the bands of `run.expected` are of: with another one they hold no more."""

DISCRIMINATORS: dict[tuple[str, ...], tuple[str, str | None]] = {
    ("task",): ("kind", None),
    ("parallel", "compression"): ("kind", None),
    ("data",): ("source", None),
    ("model", "config"): ("model_type", None),
    ("optimizer",): ("type", "params"),
    ("optimizer", "scheduler"): ("type", "params"),
}
"""The deciding word (first) of the object at a path, and which key means something else under
another one; None: every other key of the object."""

BASE = "A fragment of this section, whose keys are changed here."
TWIN = "The twin for --tiny: drops `name` and `weights`."
PART_NAME = "What the part is called."
"""What the keys mean that stand in files alone, and no expanded recipe has."""


def keys_of_files(path: tuple[str, ...]) -> dict[str, str]:
    """The keys right below one that stand in files alone, and what each means."""
    if path[:2] == ("data", "parts"):
        inside: dict[int, dict[str, str]] = {3: {"name": PART_NAME}, 4: {"base": BASE}}
        return inside.get(len(path), {}) if path[3:] in ((), ("data",)) else {}
    if path == ("model",):
        return {"base": BASE, "tiny": TWIN}
    return {"base": BASE} if len(path) == 1 and path[0] in FOLDERS else {}


TRUST = "model.trust_remote_code"
"""The key that counts only if it was typed."""

NULL_IS_A_VALUE = (("model", "config"), ("model", "processor"))
"""Maps with other people's vocabulary, in which null does not stand for an absent key."""
