"""LLaMA-Factory's YAML."""

from zoo.importing.dialects.peft import QUANTISED
from zoo.importing.dialects.trainer import SILENT, TRAINER
from zoo.importing.dialects.values import PACKED, attention, listed, packed, positive
from zoo.importing.word import Dialect, derived, each, idle, impossible, taken

_NAMED = "the zoo finds columns by their names, and data.columns says others"

LLAMA_FACTORY = Dialect(
    "LLaMA-Factory YAML",
    ("stage", "finetuning_type", "template", "cutoff_len", "dataset_dir", "val_size",
     "lora_target", "lora_rank", "pref_loss"),
    {
        **TRAINER,
        "stage": derived("task.kind", "sft and pt: causal-lm; dpo, kto: preference", "stage"),
        "finetuning_type": derived("model.lora", "lora; full trains all", "adapter"),
        "model_name_or_path": taken("model.name"),
        "model_revision": taken("model.revision"),
        "adapter_name_or_path": impossible("an adapter is begun anew"),
        "trust_remote_code": idle("counts only if it is typed: model.trust_remote_code=true"),
        "flash_attn": derived("model.attention", "by its name", value=attention),
        "template": derived("model.chat_template", "unless default", "template"),
        "dataset": derived("data", "as dataset_info.json says", "data.registered", listed),
        "eval_dataset": impossible("name it: data.valid"),
        "dataset_dir": derived("data", "where dataset_info.json lies", "data.dir"),
        "media_dir": impossible("models of images and texts are not trained"),
        "cutoff_len": derived("task.sequence_length", "as it is", "length"),
        "val_size": derived("data.valid", "a share of train", "data.share", positive),
        "max_samples": taken("data.max_train_examples"),
        "streaming": taken("data.streaming"),
        "mix_strategy": idle("a mixture of the data's own sizes"),
        "interleave_probs": impossible("data.parts.NAME.weight"),
        "train_on_prompt": derived("task.loss_on", "all or completions",
                                   value=lambda on: "all" if on else "completions"),
        "mask_history": impossible("every turn of the assistant is learned"),
        **each("packing neat_packing", derived("task.documents", PACKED, value=packed)),
        **each("overwrite_cache preprocessing_num_workers preprocessing_batch_size buffer_size "
               "ignore_pad_token_for_loss", idle("zoo prepare does it")),
        "tokenized_path": idle("prepared data are kept by content: data.cache"),
        "lora_rank": derived("model.lora.r", "8 if not said", "lora.rank"),
        "lora_alpha": derived("model.lora.alpha", "twice the rank if not said", "lora.alpha"),
        "lora_dropout": taken("model.lora.dropout"),
        "lora_target": derived("model.lora.target_modules", "all is all-linear",
                               value=lambda one: "all-linear" if one == "all" else listed(one)),
        "additional_target": taken("model.lora.modules_to_save", listed),
        "use_rslora": taken("model.lora.use_rslora"),
        "use_dora": taken("model.lora.use_dora"),
        "loraplus_lr_ratio": impossible("optimizer.groups may give one of two a rate"),
        "pissa_init": impossible("adapters begin as PEFT's do"),
        **each("quantization_bit quantization_method double_quantization quantization_type",
               impossible(QUANTISED, "bnb", "bitsandbytes", "nf4")),
        **each("freeze_trainable_layers freeze_trainable_modules freeze_vision_tower "
               "freeze_multi_modal_projector", impossible("name the others: model.freeze")),
        "pref_loss": derived("task.loss", "sigmoid is dpo", "rl"),
        "pref_beta": taken("task.beta"),
        "pref_ftx": impossible("one loss at a time"),
        "simpo_gamma": taken("task.simpo_gamma"),
        "dpo_label_smoothing": taken("task.label_smoothing"),
        "kto_chosen_weight": taken("task.desirable_weight"),
        "kto_rejected_weight": taken("task.undesirable_weight"),
        "reward_model": impossible("no reinforcement learning"),
        "pure_bf16": derived("run.precision", "bf16, with masters in fp32", "bf16", bool),
        "upcast_layernorm": impossible("weights are of one precision"),
        "use_unsloth": impossible("models run their own kernels"),
        "enable_liger_kernel": impossible("models run their own kernels"),
        **each("use_galore use_badam use_apollo use_adam_mini use_muon",
               impossible("optimizer.type names another", False)),
        "rope_scaling": impossible("model.config.rope_scaling says it in the family's words"),
        "disable_gradient_checkpointing": derived(
            "parallel.gradient_checkpointing", "unless disabled", value=lambda off: not off),
        "compute_accuracy": idle("perplexity and the loss are scored"),
        "predict_with_generate": idle("zoo predict"),
        **each("resize_vocab new_special_tokens split_special_tokens",
               impossible("the tokenizer of model.name is taken as it is")),
        **each("plot_loss cache_dir hf_hub_token ms_hub_token use_swanlab swanlab_project "
               "use_fast_tokenizer low_cpu_mem_usage ray_run_name ray_num_workers",
               idle("the report and the hub's own variables hold it")),
    },
    SILENT | {"cutoff_len": 2048, "disable_gradient_checkpointing": False,
              "finetuning_type": "lora", "lora_rank": 8, "lora_target": "all", "pref_beta": 0.1,
              "simpo_gamma": 0.5},
)  # fmt: skip
