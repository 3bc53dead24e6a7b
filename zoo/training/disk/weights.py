"""What lies on a disk as weights: runs, Hugging Face folders, adapters and what they stand on."""

from collections.abc import Callable
from pathlib import Path

from transformers import PreTrainedModel

from zoo.layout import Place
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
from zoo.training.reader import Reader


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
    read: Callable[[Path], Reader] = Reader,
) -> Weights:  # fmt: skip
    """The weights of a run folder (`read` says which), a Hugging Face folder or a hub id; what they
    hold apart is untied in the model, which is on meta.

    An adapter stands on its base in an adapted model, and is added into it in a plain one.
    """
    weights: Weights
    opened = open_adapter(place, revision, read)
    if opened is not None:
        adapter, scale = opened
        base = FileWeights(model, weight_files(*base_at(place, revision)))
        adapted = hasattr(model, "peft_config")
        weights = OnBase(adapter, base) if adapted else Merged(adapter, base, scale, model)
    elif is_run(place):
        weights = run_weights(Path(place), read)
    else:
        weights = FileWeights(model, weight_files(place, revision))
    untie(model, weights)
    return weights


def open_adapter(
    place: str, revision: str | None, read: Callable[[Path], Reader] = Reader
) -> tuple[Weights, Scale] | None:
    """The tensors of the adapter alone that a run or a folder of PEFT's holds, and how much of it
    is added; None where another thing lies.
    """
    if lora := section_of_run(place).get("lora"):
        return run_weights(Path(place), read), Scale.in_run(lora)
    config = None if is_run(place) else adapter_config(place, revision)
    if config is None:
        return None
    return FileAdapter(place, revision), Scale.in_peft(config)


def base_files(recipe: Recipe) -> list[Path]:
    """The files of the base of the adapter that a recipe trains; none without an adapter, and of a
    base that is drawn.
    """
    section = recipe.model
    if section.lora is None or (section.weights or section.name or "random") == "random":
        return []
    return weight_files(*base_of(recipe))
