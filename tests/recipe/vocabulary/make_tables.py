"""Writes zoo/recipe/vocabulary/tables/*.json from the classes of DeepSpeed and transformers.

Tests compare. Run `python -m tests.recipe.vocabulary.make_tables` after an upgrade of either, or a
change of zoo/models.
"""

import ast
import enum
import importlib
import inspect
import itertools
import json
import re
import sys
import textwrap
import typing
from pathlib import Path
from typing import Any

import pydantic

import zoo.recipe
from zoo.recipe.vocabulary import tables
from zoo.recipe.vocabulary.kinds import KINDS

TABLES = Path(zoo.recipe.__file__).parent / "vocabulary" / "tables"
# DeepSpeed's own notes call these deprecated: the words that replaced them are in the table.
DEPRECATED = {
    "cpu_offload",
    "cpu_offload_param",
    "cpu_offload_use_pin_memory",
    "stage3_gather_fp16_weights_on_model_save",
}
PROCESSORS = [
    ("parakeet", "feature_extraction_parakeet", "ParakeetFeatureExtractor"),
    ("wav2vec2", "feature_extraction_wav2vec2", "Wav2Vec2FeatureExtractor"),
    ("whisper", "feature_extraction_whisper", "WhisperFeatureExtractor"),
    ("seamless_m4t", "feature_extraction_seamless_m4t", "SeamlessM4TFeatureExtractor"),
    ("audio_spectrogram_transformer", None, "ASTFeatureExtractor"),
]
IMAGES = {
    "do_resize": {"type": "boolean"},
    "do_center_crop": {"type": "boolean"},
    "do_rescale": {"type": "boolean"},
    "do_normalize": {"type": "boolean"},
    "do_convert_rgb": {"type": "boolean"},
    "resample": {"type": "integer"},
    "rescale_factor": {"type": "number"},
    "image_mean": {"type": "array", "items": {"type": "number"}},
    "image_std": {"type": "array", "items": {"type": "number"}},
}
# What DeepSpeed's and transformers' classes leave without a sentence.
SAID = {
    "steps_per_epoch": "Steps of an epoch, which ZenFlow's strategy `epoch` counts.",
    "pipeline_loading_checkpoint": "Read checkpoints one rank after the other.",
    "classes": "Names of classes of modules that are fetched as wholes.",
    "names": "Names of modules that are fetched as wholes.",
    "name_suffixes": "Ends of the names of modules that are fetched as wholes.",
    "do_resize": "Whether images are resized.",
    "do_center_crop": "Whether the middle of an image is cut out.",
    "do_rescale": "Whether values are multiplied with `rescale_factor`.",
    "do_normalize": "Whether values get the mean 0 and the deviation 1.",
    "do_convert_rgb": "Whether images get three channels.",
    "resample": "How pixels are made up, by PIL's number: 0 nearest, 2 bilinear, 3 bicubic.",
    "rescale_factor": "What values are multiplied with: 1/255 makes bytes 0 to 1.",
    "image_mean": "The mean of each channel, which is taken away.",
    "image_std": "The deviation of each channel, which is divided by.",
    "chunk_length": "Seconds of the window that a clip is laid in (Whisper).",
    "dither": "Deviation of the noise that is added to frames, against empty ones.",
    "feature_size": "Values of a frame: mel bins, or 1 for the samples themselves.",
    "hop_length": "Samples between two frames.",
    "max_length": "Frames that a spectrogram is cut or filled up to (AST).",
    "mean": "The mean of all values, which is taken away (AST).",
    "n_fft": "Samples of a Fourier transform.",
    "num_mel_bins": "Mel bins of a frame.",
    "padding_value": "What short clips are filled up with.",
    "preemphasis": "Share of the sample before that is taken away from each.",
    "return_attention_mask": "Whether the model is told where the padding is.",
    "sampling_rate": "Samples a second, which every clip is brought to.",
    "std": "The deviation of all values, which is divided by (AST).",
    "stride": "How many frames are laid together into one.",
    "win_length": "Samples of the window of a frame.",
}
LOOKED_FOR = re.compile(r'getattr\((?:self\.)?config, "([a-z]\w*)"')
NOT_OURS = {"self", "args", "kwargs", "transformers_version", "return_dict"}


def zero_table() -> dict[str, Any]:
    """Keys of DeepSpeedZeroConfig: what they take, its sentence, its default; objects inside have
    `properties`."""
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

    return _properties(DeepSpeedZeroConfig)


def _properties(config: Any) -> dict[str, Any]:
    fields = config.model_fields.items()
    notes = _notes(config)
    return {
        field.alias or name: {
            **_node(field.annotation, field.metadata),
            "description": notes.get(name) or SAID[name],
            **_default(field.default),
        }
        for name, field in fields
        if name not in DEPRECATED and (field.alias or name) not in DEPRECATED
    }


def _notes(config: Any) -> dict[str, str]:
    """The sentences below the fields of a class, as they stand in its source."""
    [found] = ast.parse(textwrap.dedent(inspect.getsource(config))).body
    notes = {}
    for field, note in itertools.pairwise(found.body):  # type: ignore[attr-defined]
        if isinstance(field, ast.AnnAssign) and isinstance(note, ast.Expr):
            text = " ".join(ast.literal_eval(note.value).split()).replace("``", "`")
            notes[field.target.id] = re.sub(r" Expects a dictionary.*|:any:", "", text)  # type: ignore[union-attr]
    return notes


def _default(value: Any) -> dict[str, Any]:
    """The default of a field, if it has one and it says something."""
    value = value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, bool | str | float):
        return {"default": value}
    return {"default": int(value)} if isinstance(value, int) and value < sys.maxsize else {}


def _node(annotation: Any, metadata: list[Any]) -> dict[str, Any]:
    plain = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}
    if annotation in plain:
        bounds = {
            "ge": "minimum",
            "gt": "exclusiveMinimum",
            "le": "maximum",
            "lt": "exclusiveMaximum",
        }
        limits = {
            key: getattr(one, name)
            for one in metadata
            for name, key in bounds.items()
            # DeepSpeed's `pp_int` defaults carry a maximum of sys.maxsize, which says nothing.
            if abs(getattr(one, name, sys.maxsize)) < sys.maxsize
        }
        return {"type": plain[annotation], **limits}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return {"enum": [one.value for one in annotation]}
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return {"type": "object", "properties": _properties(annotation)}
    if typing.get_origin(annotation) is list:
        return {"type": "array", "items": _node(typing.get_args(annotation)[0], [])}
    parts = [_node(one, metadata) for one in typing.get_args(annotation) if one is not type(None)]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def model_table() -> dict[str, Any]:
    """Config keys by model type: the signature's keywords, the renamed ones, the nested configs."""
    from transformers import PreTrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    common = _keywords(PreTrainedConfig)
    types: dict[str, Any] = {}
    for model_type in sorted(_useful_types()):
        _add(types, model_type, CONFIG_MAPPING[model_type], set(common))
    return {"common": common, "types": types}


def _add(types: dict[str, Any], name: str, config: Any, common: set[str]) -> None:
    keys = (set(_keywords(config)) | set(config.attribute_map) | _looked_for(config)) - common
    nested = {}
    for key, inner in sorted(config.sub_configs.items()):
        inner_type = getattr(inner, "model_type", "")
        if inner_type and inner_type != name:
            nested[key] = inner_type
            if inner_type not in types:
                types[inner_type] = {}
                _add(types, inner_type, inner, common)
    types[name] = {"keys": sorted(keys)} | ({"nested": nested} if nested else {})


def _looked_for(config: Any) -> set[str]:
    """Keys that a family's modules ask for though its class does not declare them: DeBERTa's."""
    files = Path(inspect.getfile(config)).parent.glob("modeling_*.py")
    return {key for file in files for key in LOOKED_FOR.findall(file.read_text(encoding="utf-8"))}


def _useful_types() -> set[str]:
    return {name for entry in KINDS.values() for name in model_types(entry.head)}


def model_types(head: str) -> list[str]:
    """The model types that have a head, in transformers' order."""
    import transformers

    return list(getattr(transformers, head)._model_mapping._model_mapping)


def _keywords(owner: Any) -> list[str]:
    return sorted(set(inspect.signature(owner.__init__).parameters) - NOT_OURS)


def processor_table() -> dict[str, Any]:
    """Keys of inline preprocessor_config.json: images, and the feature extractors of speech."""
    names: set[str] = set()
    for folder, module, name in PROCESSORS:
        module = module or f"feature_extraction_{folder}"
        owner = getattr(importlib.import_module(f"transformers.models.{folder}.{module}"), name)
        names |= set(_keywords(owner))
    kinds = {**{name: {} for name in sorted(names)}, **IMAGES}
    return {name: {**node, "description": SAID[name]} for name, node in kinds.items()}


def families_table() -> dict[str, Any]:
    """By model type: tasks that have a head for it, and how the zoo cuts it, if it does.

    `family` is who speaks for it in zoo/models: itself, or all decoders together; without one it
    trains whole. `no_stages` and `no_tensor` say why not where more is known than that, `uncut`
    which of the plan's styles the zoo does not cut.
    """
    from transformers import CONFIG_MAPPING

    heads: dict[str, list[str]] = {}
    for kind, entry in KINDS.items():
        for model_type in model_types(entry.head):
            heads.setdefault(model_type, []).append(kind)
    known = {name: tasks for name, tasks in sorted(heads.items()) if name in CONFIG_MAPPING}
    found = {name: family_entry(name, tasks) for name, tasks in known.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def family_entry(model_type: str, tasks: list[str]) -> dict[str, Any] | None:
    """What the table says of one model type; None where its configuration cannot be built bare."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING

    from zoo.models.families import FAMILIES, family_of
    from zoo.models.families import refusals as clauses
    from zoo.models.split import COLUMNS, REPLICATED, ROWS, WHOLE

    try:
        config = CONFIG_MAPPING[model_type]()
        family, refused = family_of(config), clauses(config)
    except StrictDataclassError:  # no configuration without words of its own: not known here
        return None
    found: dict[str, Any] = {"tasks": tasks}
    if family is not None:
        found["family"] = model_type if model_type in FAMILIES else "decoder"
        uncut = sorted(set(family.tensor.values()) - {*COLUMNS, *ROWS, REPLICATED, WHOLE})
        found |= {"uncut": uncut} if uncut else {}
    refused = tuple("" if clause == tables.WHOLE else clause for clause in refused)
    said = zip(("no_stages", "no_tensor"), refused, strict=True)
    return found | {key: clause for key, clause in said if clause}


def write(name: str, table: dict[str, Any]) -> None:
    """One table as JSON, one key of the outer objects a line."""
    (TABLES / f"{name}.json").write_text(as_text(table), encoding="ascii")


def as_text(table: dict[str, Any]) -> str:
    """A table as it is written: short lines, so that an upgrade shows as a readable difference."""
    return json.dumps(table, indent=None, sort_keys=True).replace('}, "', '},\n "') + "\n"


TABLE_MAKERS = {
    "zero": zero_table,
    "model": model_table,
    "processor": processor_table,
    "families": families_table,
}

if __name__ == "__main__":
    for name, make in TABLE_MAKERS.items():
        write(name, make())
