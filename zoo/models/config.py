"""The finished transformers configuration: the recipe's architecture plus what other keys rule."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
from transformers.activations import ACT2FN

from zoo.errors import ConfigError, Fault, near
from zoo.recipe import Recipe, origin
from zoo.recipe.compose.catalog import shown
from zoo.recipe.instead import as_others_say, instead, left_out

# Of those whose configuration has an `image_size` the ones that take any other, too.
_ANY_SIZE = {
    *("convnext", "convnextv2", "efficientnet", "mobilenet_v1", "mobilenet_v2", "poolformer"),
    *("swin", "swinv2", "dinov2", "dinov2_with_registers", "focalnet", "swiftformer", "textnet"),
    *("mobilevit", "mobilevitv2", "pvt_v2"),
}
ADAPTED = "adapted"
"""The folder beside an exported adapter that holds the config of the model with it."""
Written = Mapping[str, tuple[Any, str]]


def model_config(recipe: Recipe, written: Written) -> PreTrainedConfig:
    """The configuration of `model.name` or `model.config`, with the keys that the task writes.

    `written` maps a configuration key (dots for nesting) to its value and the recipe key that rules
    it. A key that the class does not have is not written. Raises ConfigError with every key that
    stands in `model.config` with another value; of `vocab_size` a larger one may stand (padding).
    """
    own = family_config(recipe)
    values = _merged(own.to_dict() if recipe.model.name else {}, recipe.model.config)
    faults = []
    for key, (value, ruler) in written.items():
        if not hasattr(own, key.split(".")[0]):
            continue
        stands, found = _at(recipe.model.config, key)
        if stands and _contradicts(key, found, value):
            faults.append(
                Fault(
                    origin(recipe, f"model.config.{key}"),
                    f"model.config.{key}",
                    repr(found),
                    f"{_floor(key)}{value!r}, which {ruler} rules (leave the key out)",
                    left_out(recipe, f"model.config.{key}"),
                )
            )
        elif key == "vocab_size":
            _put(values, key, max(value, values.get(key) or 0))
        else:
            _put(values, key, value)
    if faults:
        raise ConfigError(faults)
    return _built(recipe, own, values)


def family_config(recipe: Recipe) -> PreTrainedConfig:
    """The configuration before the recipe's changes: `model.name`'s, or the class's defaults."""
    return named_config(recipe) if recipe.model.name else _plain(recipe)


def named_config(recipe: Recipe) -> PreTrainedConfig:
    """The configuration that `model.name` brings, unchanged; a ConfigError when it is not found."""
    name = located(str(recipe.model.name))
    refuse_missing(recipe, "model.name", name, "config.json")
    try:
        return AutoConfig.from_pretrained(
            described_at(name),
            revision=recipe.model.revision,
            trust_remote_code=recipe.model.trust_remote_code,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        allowed = "a folder with a config.json, or a Hugging Face id in the cache or in reach"
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        way = as_others_say(recipe, "model")
        fault = Fault(origin(recipe, "model.name"), "model.name", f"{name} ({why})", allowed, way)
        raise ConfigError([fault]) from error


def refuse_missing(recipe: Recipe, key: str, name: str, holds: str) -> None:
    """Raises ConfigError where a name is a path and there is no such folder that holds a file.

    Proposed is a folder beside it that does, the most alike first; else what the most alike recipe
    of the catalog says.
    """
    folder = Path(name)
    if not folder.is_absolute() or folder.exists():
        return
    beside = folder.parent.glob(f"*/{holds}") if folder.parent.is_dir() else ()
    there = [file.parent.name for file in sorted(beside)]
    meant = near(folder.name, there) or next(iter(there), "")
    if meant:
        way = instead(recipe, key, shown(folder.with_name(meant)))
    else:
        way = as_others_say(recipe, "model" if key == "model.name" else key)
    found, allowed = f"{name}, which is not there", f"a folder with a {holds}, or a Hugging Face id"
    raise ConfigError([Fault(origin(recipe, key), key, found, allowed, way)])


def located(name: str) -> str:
    """A hub id as it is; a folder below `~` with the home folder in its place."""
    return str(Path(name).expanduser()) if name.startswith("~") else name


def described_at(place: str) -> str:
    """The folder, or hub id, whose config.json is of the model at a place: of an exported adapter a
    folder in it.
    """
    own = Path(place) / ADAPTED
    return str(own) if own.is_dir() else place


def _plain(recipe: Recipe) -> PreTrainedConfig:
    """The class's own defaults: only asked which keys it has."""
    model_type = recipe.model.config.get("model_type")
    if model_type not in CONFIG_MAPPING:
        found = repr(model_type) if model_type else "nothing"
        key = "model.config.model_type"
        where = origin(recipe, key if model_type else "model")
        allowed = "a model type of transformers, or model.name"
        spelled = near(str(model_type), list(CONFIG_MAPPING)) if model_type else ""
        raise ConfigError(
            [Fault(where, key, found, allowed, f"{key}={spelled}" if spelled else "")]
        )
    return AutoConfig.for_model(model_type)


def _built(recipe: Recipe, own: PreTrainedConfig, values: dict[str, Any]) -> PreTrainedConfig:
    if "id2label" in values:
        values.pop("num_labels", None)  # follows from id2label; both together are an error
    try:
        if recipe.model.name:
            return type(own).from_dict(values)
        values.pop("model_type")
        return AutoConfig.for_model(own.model_type, **values)
    except (ValueError, TypeError, StrictDataclassError) as error:
        why = " ".join(str(error).split())
        key = key_in(recipe, why) or "model.config"
        allowed, way = f"what {type(own).__name__} takes", usual(recipe, key, own)
        fault = Fault(origin(recipe, key), key, why, allowed, way)
        raise ConfigError([fault]) from error


def usual(recipe: Recipe, key: str, own: PreTrainedConfig) -> str:
    """The word for what a configuration has at a key of `model.config` before the recipe changes
    it: the nearest of the values that are known where there are several. Nothing of another key.
    """
    name = key.removeprefix("model.config.")
    if name == key or not hasattr(own, name):
        return left_out(recipe, key) if key == "model.config" else ""
    written, value = recipe.model.config.get(name), getattr(own, name)
    if isinstance(written, str) and isinstance(value, str) and value in ACT2FN:
        value = near(written, ACT2FN) or value
    return instead(recipe, key, value)


def takes_one_size(config: PreTrainedConfig) -> bool:
    """Whether a model has positions for the images of one size: its `image_size`."""
    positions = getattr(config, "use_absolute_embeddings", False)  # Swin's, off by default
    known = hasattr(config, "image_size")
    return known and (positions or config.model_type not in _ANY_SIZE)


def patch_of(config: PreTrainedConfig) -> int:
    """Both edges of an image must be multiples of this."""
    patch = getattr(config, "patch_size", None)
    return patch if isinstance(patch, int) else 1


def key_in(recipe: Recipe, message: str) -> str:
    """The key of `model.config` that a message of transformers names, or names the value of."""
    words = message.replace("'", " ").split()
    config = recipe.model.config
    named = [key for key in config if key in words]
    named += [key for key, value in config.items() if isinstance(value, str) and value in words]
    return f"model.config.{named[0]}" if named else ""


def _contradicts(key: str, found: Any, value: Any) -> bool:
    if key == "vocab_size":
        return not isinstance(found, int) or found < value
    if isinstance(found, dict) and isinstance(value, dict):  # JSON has no whole numbers as keys
        return {str(k): v for k, v in found.items()} != {str(k): v for k, v in value.items()}
    return bool(found != value)


def _floor(key: str) -> str:
    return "at least " if key == "vocab_size" else ""


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Objects merge key by key, everything else replaces, as in recipes."""
    result = deepcopy(below)
    for key, value in above.items():
        inner = result.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        result[key] = _merged(inner, value) if both and inner else deepcopy(value)
    return result


def _at(values: Mapping[str, Any], key: str) -> tuple[bool, Any]:
    node: Any = values
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False, None
        node = node[part]
    return True, node


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for part in parents:
        values = values.setdefault(part, {})
    values[last] = value
