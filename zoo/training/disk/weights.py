"""What lies on a disk as weights: runs, Hugging Face folders, adapters and what they stand on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from zoo.layout import Place
from zoo.models.adapters.digest import refuse_other_base
from zoo.models.adapters.place import (
    FileAdapter,
    Merged,
    OnBase,
    Scale,
    adapter_config,
    base_at,
    base_of,
    is_run,
    section_of_run,
)
from zoo.models.fill import Weights
from zoo.models.weights import FileWeights, untie, weight_files
from zoo.recipe import Recipe
from zoo.training.disk.kept import fault_of, folders, size_fault, whole
from zoo.training.disk.learned import BASE
from zoo.training.reader import Reader


@dataclass(frozen=True)
class Adapter:
    """The tensors of an adapter alone, how much of them is added, and the digest of the base that
    they were trained on, empty where nothing tells it.
    """

    place: str
    weights: Weights
    scale: Scale
    base: str

    def refuse_other(self, files: list[Path]) -> None:
        """Raises ConfigError where these are the files of another base."""
        refuse_other_base(self.place, self.base, files)


def run_weights(root: Path, read: Callable[[Path], Reader] = Reader) -> Reader:
    """The weights of a run's newest whole checkpoint; FileNotFoundError if it has none.

    Several ranks, which are not met yet, judge by the files' sizes, each reads a share of the bytes
    to prove it, and none takes an older one than the others.
    """
    place = Place.from_environment()
    if place.world == 1:
        found = whole(root)
    else:
        found = next((folder for folder in folders(root) if size_fault(folder) is None), None)
        fault = fault_of(found, place.rank, place.world) if found else None
        if fault:
            raise FileNotFoundError(fault)
    if found is None:
        raise FileNotFoundError(f"{root} holds no whole checkpoint")
    return read(found)


def open_weights(
    model: PreTrainedModel, place: str, revision: str | None,
    read: Callable[[Path], Reader] = Reader, any_base: bool = False,
) -> Weights:  # fmt: skip
    """The weights of a run folder (`read` says which), a Hugging Face folder or a hub id; what they
    hold apart is untied in the model, which is on meta.

    An adapter stands on its base in an adapted model, and is added into it in a plain one. Raises
    ConfigError where it was trained on another, unless `any_base` will do.
    """
    weights: Weights
    adapter = open_adapter(place, revision, read)
    if adapter is not None:
        files = weight_files(*base_at(place, revision))
        if not any_base:
            adapter.refuse_other(files)
        base = FileWeights(model, files)
        adapted = hasattr(model, "peft_config")
        own, scale = adapter.weights, adapter.scale
        weights = OnBase(own, base) if adapted else Merged(own, base, scale, model)
    elif is_run(place):
        weights = run_weights(Path(place), read)
    else:
        weights = FileWeights(model, weight_files(place, revision))
    untie(model, weights)
    return weights


def open_adapter(
    place: str, revision: str | None, read: Callable[[Path], Reader] = Reader
) -> Adapter | None:
    """The adapter alone that a run or a folder of PEFT's holds; None where another thing lies."""
    if lora := section_of_run(place).get("lora"):
        reader = run_weights(Path(place), read)
        return Adapter(place, reader, Scale.in_run(lora), base_in_checkpoint(reader))
    config = None if is_run(place) else adapter_config(place, revision)
    if config is None:
        return None
    adapter = FileAdapter(place, revision)
    return Adapter(place, adapter, Scale.in_peft(config), adapter.base)


def base_in_checkpoint(reader: Reader) -> str:
    """The digest of the base that a checkpoint's adapter was trained on; empty where it tells none
    (zoo.training.disk.learned).
    """
    learned: dict[str, str] = reader.counters()["progress"].get("learned", {})
    return learned.get(BASE, "")


def base_files(recipe: Recipe) -> list[Path]:
    """The files of the base of the adapter that a recipe trains; none without an adapter, and of a
    base that is drawn.
    """
    section = recipe.model
    if section.lora is None or (section.weights or section.name or "random") == "random":
        return []
    return weight_files(*base_of(recipe))
