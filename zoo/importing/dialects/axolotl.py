"""axolotl's YAML."""

from typing import Any

from zoo.importing.dialects.peft import QUANTISED
from zoo.importing.dialects.trainer import TRAINER
from zoo.importing.dialects.values import (
    PACKED,
    attention,
    count,
    flash,
    folder,
    listed,
    packed,
    positive,
    switched,
)
from zoo.importing.word import Dialect, Word, derived, each, idle, impossible, ruled, taken

_COLUMNS, _OF_ROLE = "data.columns", "the column of a role"
_KERNELS = "models run their own kernels"


def _precision(value: Any) -> bool:
    return value is True or value in ("auto", "full")


AXOLOTL = Dialect(
    "axolotl YAML",
    ("base_model", "micro_batch_size", "sequence_len", "datasets", "val_set_size", "adapter",
     "sample_packing", "flash_attention", "num_epochs"),
    {
        **TRAINER,
        "base_model": taken("model.name"),
        "base_model_config": idle("model.name brings its config"),
        "revision_of_model": taken("model.revision"),
        "tokenizer_config": ruled("tokenizer"),
        "trust_remote_code": idle("counts only if it is typed: model.trust_remote_code=true"),
        **each("model_type tokenizer_type is_llama_derived_model is_mistral_derived_model "
               "tokenizer_use_fast tokenizer_legacy strict torch_dtype",
               idle("the config of model.name says it")),
        "overrides_of_model_config.**": taken("model.config.*"),
        "chat_template": derived("model.chat_template", "unless the tokenizer's", "template"),
        "chat_template_jinja": taken("model.chat_template"),
        "default_system_message": impossible("chats hold their system message"),
        "special_tokens.*": impossible("the tokenizer of model.name is taken as it is"),
        "tokens": impossible("the tokenizer of model.name is taken as it is"),
        "added_tokens_overrides.**": impossible("the tokenizer of model.name is taken as it is"),
        "resize_token_embeddings_to_32x": impossible("the vocabulary stays as it is"),
        "rl": derived("task.kind", "preference, by its loss", "rl"),
        "reward_model": derived("task.kind", "a reward model", "stage", switched("rm")),
        "rl_beta": taken("task.beta"),
        "simpo_gamma": taken("task.simpo_gamma"),
        "kto_desirable_weight": taken("task.desirable_weight"),
        "kto_undesirable_weight": taken("task.undesirable_weight"),
        "dpo_beta": taken("task.beta"),
        "orpo_alpha": taken("task.beta"),
        "datasets.*.path": derived("data", "a part each", "part.*.path"),
        "datasets.*.name": derived("data.subset", "of the hub", "part.*.subset"),
        "datasets.*.split": derived("data.train", "as it is", "part.*.split"),
        "datasets.*.data_files": derived("data.train", "files", "part.*.files"),
        "datasets.*.type": derived("data.columns", "what it calls its columns", "part.*.type"),
        "datasets.*.type.field_prompt": derived(_COLUMNS, _OF_ROLE, "part.*.column.prompt"),
        "datasets.*.type.field_chosen": derived(_COLUMNS, _OF_ROLE, "part.*.column.chosen"),
        "datasets.*.type.field_rejected": derived(_COLUMNS, _OF_ROLE, "part.*.column.rejected"),
        "datasets.*.type.field_instruction": derived(
            _COLUMNS, _OF_ROLE, "part.*.column.instruction"
        ),
        "datasets.*.type.field_input": derived(_COLUMNS, _OF_ROLE, "part.*.column.input"),
        "datasets.*.type.field_output": derived(_COLUMNS, _OF_ROLE, "part.*.column.output"),
        "datasets.*.type.**": impossible("chats are written by model.chat_template"),
        "datasets.*.field": derived(_COLUMNS, _OF_ROLE, "part.*.column.text"),
        "datasets.*.field_messages": derived(_COLUMNS, _OF_ROLE, "part.*.column.messages"),
        "datasets.*.field_chosen": derived(_COLUMNS, _OF_ROLE, "part.*.column.chosen"),
        "datasets.*.field_rejected": derived(_COLUMNS, _OF_ROLE, "part.*.column.rejected"),
        "datasets.*.ds_type": idle("the suffix says it"),
        "datasets.*.revision": derived("data.revision", "of the hub", "part.*.revision"),
        "datasets.*.roles_to_train": impossible("the assistant's turns are learned", ["assistant"]),
        "datasets.*.train_on_eos": idle("an answer's end is learned with it"),
        **each("datasets.*.message_field_role datasets.*.message_property_mappings.role "
               "datasets.*.message_field_content datasets.*.message_property_mappings.content",
               impossible("messages hold role and content", "role", "content")),
        "datasets.*.chat_template": derived("model.chat_template", "unless the tokenizer's",
                                            "template"),
        "datasets.*.roles.**": impossible(
            "messages say user, assistant, system or tool, or ShareGPT's human and gpt",
            ["user"], ["human"], ["human", "user"], ["user", "human"], ["assistant"], ["gpt"],
            ["gpt", "assistant"], ["assistant", "gpt"], ["system"], ["tool"]),
        **each("datasets.*.shards datasets.*.conversation datasets.*.preprocess_shards",
               impossible("rows are read as they are")),
        **each("test_datasets.** pretraining_dataset.** pretraining_dataset",
               impossible("name it: data.valid, or data of its own")),
        "val_set_size": derived("data.valid", "a share of train", "data.share", positive),
        "dataset_prepared_path": taken("data.cache", folder),
        "shuffle_merged_datasets": idle("every global batch is drawn over all parts"),
        **each("dataset_processes dataset_keep_in_memory dataloader_num_workers_of_prepare "
               "push_dataset_to_hub hf_use_auth_token", idle("zoo prepare does it")),
        "sample_packing": derived("task.documents", PACKED, value=packed),
        "sequence_len": derived("task.sequence_length", "as it is", "length"),
        **each("eval_sample_packing pad_to_sequence_len pad_to_sequence_length "
               "sample_packing_eff_est sample_packing_group_size total_num_tokens "
               "excess_length_strategy multipack_real_batches",
               idle("how examples share a block is the task's, equal in every layout")),
        "train_on_inputs": derived("task.loss_on", "all or completions",
                                   value=lambda on: "all" if on else "completions"),
        "adapter": derived("model.lora", "lora; qlora's base is not quantised here", "adapter"),
        "lora_model_dir": impossible("an adapter is begun anew"),
        "lora_r": taken("model.lora.r"),
        "lora_alpha": taken("model.lora.alpha"),
        "lora_dropout": taken("model.lora.dropout"),
        "lora_target_modules": taken("model.lora.target_modules", listed),
        "lora_target_linear": derived("model.lora.target_modules", "all of them",
                                      value=switched("all-linear")),
        "lora_modules_to_save": taken("model.lora.modules_to_save", listed),
        "peft_use_dora": taken("model.lora.use_dora"),
        "peft_use_rslora": taken("model.lora.use_rslora"),
        "lora_fan_in_fan_out": idle("the family says it"),
        **each("load_in_4bit load_in_8bit gptq bnb_config_kwargs.**", impossible(QUANTISED)),
        **each("lora_mlp_kernel lora_qkv_kernel lora_o_kernel", idle(_KERNELS)),
        "unfrozen_parameters": impossible("name the others: model.freeze"),
        "micro_batch_size": derived("run.micro_batch", "as it is", "micro", count),
        "batch_size": derived("run.batch", "times processes", "batch_of_one", count),
        "eval_batch_size": taken("run.eval_micro_batch"),
        "num_epochs": derived("run.epochs", "unless steps are said", "epochs"),
        "optimizer": derived("optimizer.type", "by its name", "optim"),
        "lr_scheduler": derived("optimizer.scheduler.type", "settled with warm-up and lr",
                                "schedule"),
        "cosine_min_lr_ratio": derived("optimizer.scheduler.params.cos_min_ratio", "as it is",
                                       "schedule.min_lr_rate"),
        "flash_attention": derived("model.attention", "flash_attention_2", value=flash),
        "attn_implementation": derived("model.attention", "by its name", value=attention),
        "sdp_attention": derived("model.attention", "sdpa", value=switched("sdpa")),
        "eager_attention": derived("model.attention", "eager", value=switched("eager")),
        "xformers_attention": impossible("sdpa, eager or flash_attention_2"),
        "flex_attention": impossible("sdpa, eager or flash_attention_2"),
        "s2_attention": impossible("sdpa, eager or flash_attention_2"),
        "bf16": Word("derived", "run.precision", "bf16", "bf16", _precision, auto=True),
        "float16": derived("run.precision", "fp16", "fp16", bool),
        "bfloat16": derived("run.precision", "bf16", "bf16", bool),
        "fp16": derived("run.precision", "fp16", "fp16", bool),
        "evals_per_epoch": derived("run.eval_every", "an epoch, where it is one", "evals"),
        "saves_per_epoch": derived("run.save_every", "an epoch, where it is one", "saves"),
        "wandb_project": derived("run.report_to", "wandb, of this project", "wandb"),
        **each("wandb_entity wandb_watch wandb_name wandb_run_id wandb_log_model",
               idle("wandb's own environment variables hold")),
        "mlflow_experiment_name": taken("run.project"),
        **each("auto_resume_from_checkpoints loss_watchdog_threshold loss_watchdog_patience",
               idle("a run goes on by itself, and a loss that is not finite ends it")),
        **each("eval_table_size eval_max_new_tokens", idle("the report shows examples of answers")),
        **each("debug special_tokens experimental_skip_move_to_device", idle("nothing of a run")),
        **each("plugins liger_rope liger_rms_norm liger_glu_activation liger_layer_norm "
               "liger_fused_linear_cross_entropy liger_cross_entropy flash_attn_cross_entropy "
               "flash_attn_rms_norm flash_attn_fuse_qkv flash_attn_fuse_mlp", impossible(_KERNELS)),
    },
    {
        "num_epochs": 1.0,
        "micro_batch_size": 1,
        "optimizer": "adamw_torch_fused",
        "lr_scheduler": "cosine",
        "max_grad_norm": 1.0,
        "rl_beta": 0.1,
        "seed": 42,
    },
)  # fmt: skip
