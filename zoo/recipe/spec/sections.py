"""The sections of a recipe, and which word decides what else an object in them may hold."""

FOLDERS = ("task", "model", "data", "parallel", "optimizer")
"""Sections that a fragment may fill: a file in the catalog's folder of that name."""

SECTIONS = (*FOLDERS, "run")

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

TRUST = "model.trust_remote_code"
"""The key that counts only if it was typed."""

NULL_IS_A_VALUE = (("model", "config"), ("model", "processor"))
"""Maps with other people's vocabulary, in which null does not stand for an absent key."""
