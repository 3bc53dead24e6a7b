"""Where adapters lie (PEFT's folders, runs of `model.lora`), what they stand on, and their values.

`base_at` and `base_of` say which plain weights are meant by a place, whatever lies there.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from zoo.models.config import located
from zoo.models.fill import Weights
from zoo.models.names import of_adapter
from zoo.models.upstream import optional_file
from zoo.recipe import Recipe
from zoo.recipe.compose.catalog import RECIPE

ADAPTER = "default"  # PEFT's name for the only one
LENGTHS = "lora_magnitude_vector"  # DoRA's
PREFIX = "base_model.model."
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
BASE = "base_digest"  # in the metadata of WEIGHTS: of the base that it was trained on
PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "lora_bias": (False, None),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
}
"""What an adapter of another tool must say, or leave unsaid, to be read here."""


def adapter_file(place: str, revision: str | None, file: str) -> Path | None:
    """A file of an adapter's folder or hub id, None where there is none."""
    if Path(place).is_dir():
        found = Path(place) / file
        return found if found.is_file() else None
    try:
        return optional_file(place, file, revision)
    except (OSError, HFValidationError):
        return None


def adapter_config(place: str, revision: str | None) -> dict[str, Any] | None:
    """What PEFT wrote of the adapter at a place, None where no adapter lies."""
    path = adapter_file(place, revision, CONFIG)
    found: dict[str, Any] | None = None if path is None else json.loads(path.read_text("utf-8"))
    return found


def is_run(place: str) -> bool:
    """Whether a place is the folder of a run."""
    return (Path(place) / "checkpoints").is_dir()


def section_of_run(place: str) -> dict[str, Any]:
    """The section `model` of a run's recipe; empty of what is no run's folder."""
    path = Path(place) / RECIPE
    found = json.loads(path.read_text("utf-8")) if is_run(place) and path.is_file() else {}
    section: dict[str, Any] = found.get("model", {})
    return section


def base_at(place: str, revision: str | None = None) -> tuple[str, str | None]:
    """The hub id, or the folder, from which plain transformers loads the weights meant by a place,
    and its revision: of a run its export, of an adapter that which it stands on.
    """
    place = located(place)
    section = section_of_run(place)
    if section.get("lora"):
        return base_in(section)
    if is_run(place):
        place, revision = str(Path(place) / "model"), None
    elif config := adapter_config(place, revision):
        return base_at(str(config.get("base_model_name_or_path")), config.get("revision"))
    return (str(Path(place).resolve()), None) if Path(place).is_dir() else (place, revision)


def base_in(section: dict[str, Any]) -> tuple[str, str | None]:
    """`base_at` of what a section `model` starts from; OSError where that is drawn."""
    name, weights = section.get("name"), section.get("weights")
    if (weights or name or "random") == "random":
        raise OSError("an adapter on weights that were drawn: start from its merged export")
    revision = section.get("revision") if weights in (None, name) else None
    return base_at(str(weights or name), revision)


def base_of(recipe: Recipe) -> tuple[str, str | None]:
    """The base of the adapter that a recipe trains; a rule holds that it names one."""
    return base_in(recipe.model.model_dump(include={"name", "weights", "revision"}))


@dataclass(frozen=True)
class Scale:
    """PEFT's settings that say how much of an adapter's product is added."""

    r: int
    alpha: float
    use_rslora: bool

    @property
    def factor(self) -> float:
        """What the product is times (peft/tuners/lora/layer.py: update_layer)."""
        return self.alpha / (math.sqrt(self.r) if self.use_rslora else self.r)

    @staticmethod
    def in_peft(config: dict[str, Any]) -> "Scale":
        """That of a file of PEFT's; OSError for an adapter of a form that is not read."""
        strange = [f"{k} {config[k]}" for k, plain in PLAIN.items() if config.get(k) not in plain
                   and k in config]  # fmt: skip
        if strange:
            raise OSError(f"an adapter with {', '.join(strange)}")
        return Scale(config["r"], config["lora_alpha"], bool(config.get("use_rslora")))

    @staticmethod
    def in_run(lora: dict[str, Any]) -> "Scale":
        """That of a run's `model.lora`."""
        return Scale(lora["r"], lora["alpha"], lora["use_rslora"])


class FileAdapter:
    """The tensors of PEFT's file under the names that they have in an adapted model (Weights of
    zoo.models.fill): those of the adapter, and of modules that were trained whole.

    `base` is the digest of the base that they were trained on, which files of ours tell.
    """

    def __init__(self, place: str, revision: str | None) -> None:
        path = adapter_file(place, revision, WEIGHTS)
        if path is None:
            raise FileNotFoundError(f"{place} holds no {WEIGHTS}")
        self.path = path
        with safe_open(path, framework="pt") as file:
            self.keys = {named(key): key for key in file.keys()}  # noqa: SIM118 - no dictionary
            self.base: str = (file.metadata() or {}).get(BASE, "")

    def names(self) -> frozenset[str]:
        """See Weights."""
        return frozenset(self.keys)

    def shape(self, name: str) -> tuple[int, ...]:
        """See Weights."""
        with safe_open(self.path, framework="pt") as file:
            return tuple(file.get_slice(self.keys[name]).get_shape())

    def tensor(self, name: str) -> Tensor:
        """See Weights."""
        with safe_open(self.path, framework="pt") as file:
            value: Tensor = file.get_tensor(self.keys[name])
        return value


def named(key: str) -> str:
    """A key of PEFT's file as a name in an adapted model (peft/utils/save_and_load.py)."""
    name = key.removeprefix(PREFIX)
    if not of_adapter(name):
        return name
    owner, _, last = name.rpartition(".")
    if last == LENGTHS:  # PEFT until 0.18 left out what its module calls it
        return f"{name}.{ADAPTER}.weight"
    return f"{owner}.{ADAPTER}.{last}" if last in ("weight", "bias") else f"{name}.{ADAPTER}"


def keyed(name: str) -> str:
    """`named` the other way."""
    return PREFIX + name.replace(f".{ADAPTER}.", ".")


class OnBase:
    """An adapter's tensors, and under the other names those of its base (Weights of
    zoo.models.fill).
    """

    def __init__(self, adapter: Weights, base: Weights) -> None:
        self.adapter, self.base, self.own = adapter, base, adapter.names()

    def names(self) -> frozenset[str]:
        """See Weights."""
        return self.own | self.base.names()

    def shape(self, name: str) -> tuple[int, ...]:
        """See Weights."""
        return (self.adapter if name in self.own else self.base).shape(name)

    def tensor(self, name: str) -> Tensor:
        """See Weights."""
        return (self.adapter if name in self.own else self.base).tensor(name)


class Merged:
    """A base with an adapter added in, W + factor * B A, as weights of a plain model (Weights of
    zoo.models.fill); with DoRA its rows are of the lengths that were trained. A matrix is computed
    when it is read, in fp32.
    """

    def __init__(
        self, adapter: Weights, base: Weights, scale: Scale, model: PreTrainedModel
    ) -> None:
        self.both, self.scale, self.model = OnBase(adapter, base), scale, model
        self.own = adapter.names()
        if strange := [name for name in self.own if ".lora_embedding_" in name]:
            raise OSError(f"an adapter of embeddings, {strange[0]}")

    def names(self) -> frozenset[str]:
        """See Weights."""
        return frozenset(name for name in self.both.names() if not of_adapter(name))

    def shape(self, name: str) -> tuple[int, ...]:
        """See Weights."""
        return self.both.shape(name)

    def tensor(self, name: str) -> Tensor:
        """See Weights."""
        owner, _, key = name.rpartition(".")
        first, second = (f"{owner}.lora_{one}.{ADAPTER}.weight" for one in "AB")
        value = self.both.tensor(name)
        if key != "weight" or first not in self.own:
            return value
        product = self.both.tensor(second).float() @ self.both.tensor(first).float()
        lying = isinstance(self.model.get_submodule(owner), Conv1D)
        total = (value.T if lying else value).float() + self.scale.factor * product
        if (lengths := f"{owner}.{LENGTHS}.{ADAPTER}.weight") in self.own:
            total *= (self.both.tensor(lengths).float() / total.norm(dim=1)).unsqueeze(1)
        return total.T if lying else total
