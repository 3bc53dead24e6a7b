"""How values of other tools read here: optimizers, schedules, precisions, rhythms, trackers."""

from typing import Any, get_args

from zoo.recipe.spec.run import Tracker

OPTIMS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw_apex_fused", "adamw",
         "adamw_torch_xla"),
        ("AdamW", ""),
    ),
    **dict.fromkeys(
        ("adamw_bnb_8bit", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "paged_adamw",
         "adamw_torch_8bit", "adamw_torch_4bit", "ao_adamw_8bit"),
        ("AdamW", "the same update; its state is in fp32, which ZeRO shares out or offloads"),
    ),
    **dict.fromkeys(
        ("lion_32bit", "lion", "lion_8bit", "paged_lion_32bit", "paged_lion_8bit"),
        ("Lion", "its state is in fp32"),
    ),
    "sgd": ("SGD", ""),
    "adagrad": ("Adagrad", ""),
    "lamb": ("Lamb", ""),
    "muon": ("Muon", "orthogonalised as Jordan et al. have it"),
}  # fmt: skip
"""The optimizer of each of transformers' names, and what differs."""

PACKED = "masked: packed, and none sees another"
IN_MEMORY = "to memory, never NVMe: checkpoints read it there"
_SHORT = {"bfloat16": "bf16", "bf16": "bf16", "float32": "fp32", "fp32": "fp32"}
DATASETS_OF_TASKS = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2", "stsb", "wnli")
"""What run_glue's task_name may be; each is a fragment `glue-NAME` of the catalog."""


def dtype(value: Any) -> str | None:
    """A type of gradients, where it is one that sums may have."""
    return _SHORT.get(str(value).removeprefix("torch."))


TRACKERS: tuple[str, ...] = get_args(Tracker)


def trackers(value: Any) -> list[str] | None:
    """Trackers by name, none for `none`; None: as it is without a word."""
    names = value if isinstance(value, list) else [value]
    return None if names in (["all"], [None]) else [str(name) for name in names if name != "none"]


def attention(value: Any) -> str | None:
    """An implementation of attention by transformers' or LLaMA-Factory's name."""
    return {
        "fa2": "flash_attention_2",
        "flash_attention_2": "flash_attention_2",
        "sdpa": "sdpa",
        "eager": "eager",
        "disabled": "eager",
    }.get(str(value))


def flash(value: Any) -> str | None:
    """Attention by axolotl's switch."""
    return "flash_attention_2" if value else None


def switched(word: str) -> Any:
    """A reader of a switch: the word where it is on."""
    return lambda value: word if value else None


packed = switched("masked")
"""Examples that share a row and do not see each other, where they are packed."""


def positive(value: Any) -> Any:
    """A number above 0; transformers writes -1 or 0 for none."""
    return value if isinstance(value, int | float) and value > 0 else None


def in_memory(value: Any) -> str | None:
    """Where state or weights are offloaded to, if they are."""
    return {"cpu": "cpu", "nvme": "cpu"}.get(str(value))


def count(value: Any) -> int:
    """A whole number above 0. Raises ValueError for anything else."""
    if isinstance(value, bool) or int(value) != float(value) or int(value) < 1:
        raise ValueError(value)
    return int(value)


def folder(value: Any) -> str:
    """A folder as a path: one that is relative begins with a dot."""
    text = str(value)
    return text if text[:1] in (".", "/", "~") else f"./{text}"


def listed(value: Any) -> list[str]:
    """Names in a list, with commas, or alone."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return [part.strip() for part in str(value).split(",")]
