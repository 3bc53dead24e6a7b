"""The words of adapters, as TRL's scripts write them."""

from typing import Any

from zoo.importing.dialects.values import listed
from zoo.importing.word import Word, Words, derived, idle, impossible, taken

EIGHT = "the base is kept in run.precision, or in 4 bits by bitsandbytes: model.lora.bnb_4bit"
BASE = "model.lora.bnb_4bit"


def in_4_bits(double: bool, when: Any = True) -> Word:
    """A word that keeps an adapter's base in 4 bits `when` it has that value, of a tool that keeps
    the scales in 8 bits where nobody says otherwise, or does not (`double`).
    """
    of = {"quant_type": "nf4", "use_double_quant": double}

    def read(value: Any) -> dict[str, Any] | None:
        return of if value == when else None

    return derived(BASE, "nf4, unless another form is said", "4bit", read)


QUANT_TYPE = derived(f"{BASE}.quant_type", "as it is", "4bit.type")
DOUBLE_QUANT = derived(
    f"{BASE}.use_double_quant", "as it is", "4bit.double", lambda on: "yes" if on else "no"
)

PEFT: Words = {
    "use_peft": idle("model.lora says it"),
    "lora_r": taken("model.lora.r"),
    "lora_alpha": taken("model.lora.alpha"),
    "lora_dropout": taken("model.lora.dropout"),
    "lora_target_modules": taken("model.lora.target_modules", listed),
    "lora_modules_to_save": taken("model.lora.modules_to_save", listed),
    "use_rslora": taken("model.lora.use_rslora"),
    "use_dora": taken("model.lora.use_dora"),
    "lora_task_type": idle("the kind of task says it"),
    "load_in_4bit": in_4_bits(double=False),
    "load_in_8bit": impossible(EIGHT),
    "bnb_4bit_quant_type": QUANT_TYPE,
    "use_bnb_nested_quant": DOUBLE_QUANT,
}
