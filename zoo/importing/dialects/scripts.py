"""The words of transformers' run_*.py and of TRL's scripts: model, data, task, adapters."""

from typing import Any

from zoo.importing.dialects.peft import PEFT
from zoo.importing.dialects.values import PACKED, attention, packed
from zoo.importing.word import Word, Words, derived, each, idle, impossible, ruled, taken

_ONE_DTYPE = "run.precision says it; masters are fp32"
HUB = "the hub's own variables (HF_TOKEN, HF_HOME) hold"

OF_CONFIGS = (
    "attention_dropout activation_dropout hidden_dropout final_dropout feat_proj_dropout layerdrop "
    "mask_time_prob mask_time_length mask_feature_prob mask_feature_length ctc_loss_reduction "
    "ctc_zero_infinity add_adapter"
)
"""Keys of a model's config that scripts for speech take as words."""


def of_column(role: str) -> Word:
    """The column of a role."""
    return taken(f"data.columns.{role}")


def percent(value: Any) -> float:
    """A share of what was said in hundredths."""
    return float(value) / 100


SCRIPTS: Words = {
    "model_name_or_path": taken("model.name"),
    "model_revision": taken("model.revision"),
    "config_name": derived("model.name", "its config, with weights drawn", "config_name"),
    "tokenizer_name": ruled("tokenizer"),
    "model_type": taken("model.config.model_type"),
    "config_overrides": derived("model.config", "key by key", "config_overrides"),
    "attn_implementation": derived("model.attention", "by its name", value=attention),
    "trust_remote_code": idle("counts only if it is typed: model.trust_remote_code=true"),
    **each("torch_dtype dtype", idle(_ONE_DTYPE)),
    **each("cache_dir token use_auth_token hf_hub_token", idle(HUB)),
    **each("low_cpu_mem_usage use_fast_tokenizer", idle("weights are read tensor by tensor")),
    "ignore_mismatched_sizes": idle("heads whose shape depends on labels may differ; it is said"),
    "dataset_name": derived("data.name", "of the hub", "data.name"),
    "dataset_config_name": derived("data.subset", "of the hub", "data.subset"),
    "dataset_config": derived("data.subset", "of the hub", "data.subset"),
    "dataset_train_split": derived("data.train", "as it is", "data.train"),
    "dataset_test_split": derived("data.valid", "as it is", "data.valid"),
    "train_split_name": derived("data.train", "as it is", "data.train"),
    "eval_split_name": derived("data.valid", "as it is", "data.valid"),
    "train_file": derived("data.train", "a file", "data.train_file"),
    "train_dir": derived("data.train", "a folder", "data.train_file"),
    "validation_file": derived("data.valid", "a file", "data.valid_file"),
    "validation_dir": derived("data.valid", "a folder", "data.valid_file"),
    "test_file": derived("data.test", "a file", "data.test_file"),
    "validation_split_percentage": derived(
        "data.valid", "a share of train", "data.share", percent
    ),
    "train_val_split": derived("data.valid", "a share of train", "data.share"),
    "task_name": derived("data", "the catalog's fragment of it", "data.task"),
    "streaming": taken("data.streaming"),
    "max_train_samples": taken("data.max_train_examples"),
    "max_eval_samples": taken("data.max_valid_examples"),
    "max_predict_samples": idle("zoo predict is handed what it answers"),
    **each("block_size max_seq_length max_length", derived(
        "task.sequence_length", "as it is", "length"
    )),
    "mlm_probability": taken("task.mask_probability"),
    "max_source_length": taken("task.source_length"),
    "max_target_length": taken("task.target_length"),
    "val_max_target_length": taken("task.generate.max_new_tokens"),
    "num_beams": taken("task.generate.num_beams"),
    "source_prefix": taken("task.prefix"),
    "doc_stride": taken("task.stride"),
    "version_2_with_negative": taken("task.version_2"),
    "max_answer_length": taken("task.max_answer_length"),
    "n_best_size": taken("task.n_best"),
    "null_score_diff_threshold": taken("task.null_threshold"),
    "dataset_text_field": of_column("text"),
    "text_column_name": derived("data.columns", "the role that the kind reads", "column.text"),
    "text_column": derived("data.columns", "the role that the kind reads", "column.text"),
    "summary_column": of_column("target"),
    "label_column_name": derived("data.columns", "the role that the kind reads", "column.label"),
    "image_column_name": of_column("image"),
    "audio_column_name": of_column("audio"),
    "freeze_feature_encoder": derived(
        "model.freeze", "its parameters",
        value=lambda on: ["*feature_extractor*"] if on else None,
    ),
    "min_duration_in_seconds": taken("task.min_seconds"),
    "max_duration_in_seconds": taken("task.max_seconds"),
    "chars_to_ignore": taken("task.remove_characters", lambda one: "".join(one)),
    "do_lower_case": taken("task.lowercase"),
    "packing": derived("task.documents", PACKED, value=packed),
    "assistant_only_loss": derived(
        "task.loss_on", "what the assistant says",
        value=lambda on: "completions" if on else "all",
    ),
    "completion_only_loss": derived(
        "task.loss_on", "completions", value=lambda on: "completions" if on else "all"
    ),
    "chat_template_path": taken("model.chat_template"),
    "beta": taken("task.beta"),
    "loss_type": derived("task.loss", "sigmoid is dpo", "rl"),
    "simpo_gamma": taken("task.simpo_gamma"),
    "desirable_weight": taken("task.desirable_weight"),
    "undesirable_weight": taken("task.undesirable_weight"),
    "line_by_line": impossible("texts are packed into full blocks"),
    "source_lang": impossible("a model that is told languages needs them in its config"),
    "target_lang": impossible("a model that is told languages needs them in its config"),
    **each(
        "pad_to_max_length overwrite_cache preprocessing_num_workers dataset_num_proc "
        "keep_linebreaks ignore_pad_token_for_loss return_entity_level_metrics eos_token",
        idle("data are prepared once, by all processors, and padded by batch"),
    ),
    **{name: taken(f"model.config.{name}") for name in OF_CONFIGS.split()},
    **PEFT,
}  # fmt: skip

OF_TRL = ("sft", "dpo", "kto", "orpo", "reward")
"""TRL's scripts."""
_ENCODED = {"max_seq_length": 128}
_REWRITTEN = {"max_source_length": 1024, "max_target_length": 128}
_PREFERRED = {"max_length": 1024, "learning_rate": 1e-6}
SILENT_OF: dict[str, dict[str, Any]] = {
    "run_glue.py": _ENCODED,
    "run_classification.py": _ENCODED,
    "run_clm.py": {"block_size": 1024},
    "run_ner.py": {"text_column_name": "tokens", "label_column_name": "ner_tags"},
    "run_speech_recognition_ctc.py": {"text_column_name": "text"},
    "run_speech_recognition_seq2seq.py": {"text_column_name": "text"},
    "run_qa.py": {"max_seq_length": 384, "doc_stride": 128},
    "run_summarization.py": _REWRITTEN,
    "run_translation.py": _REWRITTEN,
    "run_image_classification.py": {"model_name_or_path": "google/vit-base-patch16-224-in21k"},
    "sft.py": {"max_length": 1024, "learning_rate": 2e-5},
    "reward.py": {"max_length": 1024, "learning_rate": 1e-4},
    **dict.fromkeys(("dpo.py", "kto.py", "orpo.py"), _PREFERRED),
}
"""What a script does where nothing is said, and a recipe has to say."""
