"""The words of adapters, as TRL's scripts write them."""

from zoo.importing.dialects.values import listed
from zoo.importing.word import Words, each, idle, impossible, taken

QUANTISED = "the base is kept in run.precision, shared out or offloaded by ZeRO"

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
    **each(
        "load_in_4bit load_in_8bit bnb_4bit_quant_type use_bnb_nested_quant", impossible(QUANTISED)
    ),
}
