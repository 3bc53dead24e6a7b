"""An exported folder: the model in it, its kind of task, and the device that it is asked on."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo.errors import ConfigError, Fault, near
from zoo.models.adapters.folder import loaded_by
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.compose.catalog import RECIPE
from zoo.recipe.compose.nearby import run_meant
from zoo.recipe.spec.sections import TRUST
from zoo.recipe.vocabulary.kinds import Kind, kind_of

CONFIG, ADAPTER = "config.json", "adapter_config.json"


@dataclass(frozen=True)
class Options:
    """What may be asked of the answers; None: as the model's folder or the kind says."""

    top: int | None = None
    max_new_tokens: int | None = None
    temperature: float | None = None
    threshold: float | None = None

    def given(self) -> set[str]:
        """The names of those that were said."""
        return {name for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Exported:
    """A folder that `zoo export` wrote, and how it is loaded."""

    folder: Path
    recipe: Recipe
    device: torch.device
    trusted: bool = False
    any_base: bool = False

    @property
    def kind(self) -> Kind:
        """What the model was trained for."""
        return kind_of(self.recipe.task)

    @property
    def loading(self) -> dict[str, Any]:
        """The words with which transformers loads the model: on a GPU in the type it was saved in,
        on a CPU, which need not compute in that, in fp32. Raises ConfigError where an adapter was
        trained on another base, unless `any_base` will do.
        """
        dtype = torch.float32 if self.device.type == "cpu" else "auto"
        stands = loaded_by(self.folder, self.any_base)
        return {"dtype": dtype, "trust_remote_code": self.trusted, **stands}

    def key(self, name: str) -> Any:
        """The value of a key of the recipe's task; None where its kind has no such key."""
        return getattr(self.recipe.task, name, None)


def exported(
    folder: Path, device: str | None = None, trusted: bool = False, any_base: bool = False
) -> Exported:
    """The export at `folder`, or in the run's folder that it is.

    Raises ConfigError where there is none, and for a device that is not there.
    """
    place = next((one for one in (folder, folder / "model") if _is_export(one)), None)
    if place is None:
        found, allowed = _instead(folder)
        if (folder / RECIPE).is_file():
            way = f"zoo export {shlex.quote(str(folder))}"
        else:
            way = run_meant(folder, lambda one: _is_export(one) or _is_export(one / "model"))
        raise ConfigError([Fault("command line", "FOLDER", found, allowed, way)])
    recipe = load_recipe(place / RECIPE, first=[f"{TRUST}=true"] if trusted else [])
    return Exported(place, recipe, chosen_device(device), trusted, any_base)


def _is_export(folder: Path) -> bool:
    return (
        any((folder / one).is_file() for one in (CONFIG, ADAPTER)) and (folder / RECIPE).is_file()
    )


def _instead(folder: Path) -> tuple[str, str]:
    """What lies there, and what should."""
    if not folder.is_dir():
        return f"{folder}, which is no folder", "an exported folder, or a run's"
    if (folder / RECIPE).is_file():
        return f"{folder}, a run that has exported nothing", f"a model: zoo export {folder}"
    return f"{folder}, which holds no {RECIPE}", "an exported folder, or a run's"


def chosen_device(name: str | None) -> torch.device:
    """The device of that name; by default a GPU where there is one (DS_ACCELERATOR=cpu: never).

    Raises ConfigError where it is not there.
    """
    there = torch.cuda.is_available()
    if name is None:
        return torch.device(
            "cuda" if there and os.environ.get("DS_ACCELERATOR") != "cpu" else "cpu"
        )
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if there else []
    allowed = ["cpu", *(["cuda"] if there else []), *gpus]
    if name not in allowed:
        known, meant = ", ".join(allowed), near(name, allowed) or allowed[0]
        raise ConfigError([Fault("command line", "--device", name, known, meant)])
    return torch.device(name)
