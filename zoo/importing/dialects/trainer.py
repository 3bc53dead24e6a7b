"""transformers' TrainingArguments: the words that every tool on its Trainer shares."""

from zoo.importing.dialects.fsdp import FSDP
from zoo.importing.dialects.values import count, folder, positive, switched, trackers
from zoo.importing.word import Words, another_file, derived, each, idle, impossible, ruled, taken

_OF_LAUNCHER = "the launcher's and torch's own business: the loss is the same on every layout"
_SCHEDULE = "settled with schedule, warm-up and lr"
_RHYTHM = "settled with its strategy"

TRAINER: Words = {
    "output_dir": taken("run.folder", folder),
    "seed": ruled("seed"),
    "per_device_train_batch_size": derived("run.micro_batch", "as it is", "micro", count),
    "per_device_eval_batch_size": taken("run.eval_micro_batch"),
    "gradient_accumulation_steps": derived(
        "run.batch", "times micro_batch and processes", "accumulation", count
    ),
    "max_grad_norm": ruled("max_grad_norm"),
    "learning_rate": ruled("learning_rate"),
    "weight_decay": ruled("weight_decay"),
    "optim": derived("optimizer.type", "by its name", "optim"),
    "optim_args": impossible("parameters stand in optimizer.params"),
    "adam_beta1": derived("optimizer.params.betas", "the first of two", "beta1"),
    "adam_beta2": derived("optimizer.params.betas", "the second of two", "beta2"),
    "adam_epsilon": taken("optimizer.params.eps"),
    "lr_scheduler_type": derived("optimizer.scheduler.type", _SCHEDULE, "schedule"),
    "lr_scheduler_kwargs.*": derived("optimizer.scheduler.params", _SCHEDULE, "schedule.*"),
    "warmup_steps": derived("optimizer.scheduler.params.warmup_num_steps", _SCHEDULE, "warmup"),
    "warmup_ratio": derived(
        "optimizer.scheduler.params.warmup_num_steps", "a share of the run", "warmup_share"
    ),
    "max_steps": derived("run.steps", "rules over epochs", "steps", positive),
    "num_train_epochs": derived("run.epochs", "unless steps are said", "epochs"),
    "fp16": derived("run.precision", "fp16", "fp16", bool),
    "bf16": derived("run.precision", "bf16", "bf16", bool),
    "tf32": impossible("fp32 is IEEE's on every device"),
    "gradient_checkpointing": ruled("gradient_checkpointing"),
    "gradient_checkpointing_kwargs.**": idle("one way to recompute, which draws the same twice"),
    "logging_steps": derived("run.log_every", "whole steps", "log_every"),
    "logging_strategy": impossible("a line every run.log_every steps", "steps"),
    "eval_steps": derived("run.eval_every", _RHYTHM, "eval_every"),
    "save_steps": derived("run.save_every", _RHYTHM, "save_every"),
    "eval_strategy": derived("run.eval_every", _RHYTHM, "eval_strategy"),
    "evaluation_strategy": derived("run.eval_every", _RHYTHM, "eval_strategy"),
    "save_strategy": derived("run.save_every", _RHYTHM, "save_strategy"),
    "save_total_limit": taken("run.keep", positive),
    "load_best_model_at_end": derived("run.export", "best", value=switched("best")),
    "metric_for_best_model": derived(
        "run.best_metric",
        "as metrics.jsonl names it",
        value=lambda name: f"valid/{str(name).removeprefix('eval_')}",
    ),
    "greater_is_better": idle("every score knows its direction"),
    "early_stopping_patience": taken("run.patience"),
    "report_to": derived("run.report_to", "those that the zoo has", "trackers", trackers),
    "run_name": idle("a run is called as its recipe's file; run.tags may hold more"),
    "label_smoothing_factor": derived("task.label_smoothing", "as it is", value=positive),
    "group_by_length": derived(
        "data.sampling", "group-by-length", value=switched("group-by-length")
    ),
    "length_column_name": idle("lengths are measured"),
    "dataloader_num_workers": taken("data.workers"),
    "deepspeed": another_file(),
    "fsdp": derived("parallel.zero.stage", "full_shard is 3, shard_grad_op 2", "fsdp"),
    **FSDP,
    "neftune_noise_alpha": impossible("no noise is added to embeddings"),
    "torch_compile": impossible("models are not compiled"),
    "use_liger_kernel": impossible("models run their own kernels"),
    "half_precision_backend": idle("one way to run in half precision"),
    "predict_with_generate": idle("kinds that are scored by what they write always do"),
    "generation_num_beams": taken("task.generate.num_beams"),
    "generation_max_length": taken("task.generate.max_new_tokens"),
    "dataloader_drop_last": idle("the last batch that is not whole is always dropped"),
    "overwrite_output_dir": idle("a run goes on; zoo train --fresh starts over and keeps the old"),
    "save_only_model": idle("a checkpoint holds all that a run goes on from"),
    "resume_from_checkpoint": idle("a run whose folder exists goes on by itself"),
    "data_seed": idle("run.seed is the one seed"),
    "do_eval": derived(
        "data.valid", "the split validation, as the scripts have it", "do_eval", bool
    ),
    **each("do_train do_predict", idle("zoo train trains and scores; zoo eval and predict")),
    **each(
        "push_to_hub hub_model_id hub_strategy hub_token hub_private_repo push_to_hub_model_id "
        "push_to_hub_organization push_to_hub_token",
        idle("zoo export --push NAME"),
    ),
    **each(
        "logging_dir logging_first_step log_level disable_tqdm include_num_input_tokens_seen "
        "include_tokens_per_second plot_loss logging_nan_inf_filter log_on_each_node eval_on_start",
        idle("metrics.jsonl and the report hold all of it"),
    ),
    **each(
        "ddp_timeout ddp_find_unused_parameters ddp_bucket_cap_mb ddp_backend local_rank no_cuda "
        "use_cpu dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor "
        "torch_empty_cache_steps remove_unused_columns save_safetensors "
        "eval_accumulation_steps eval_delay full_determinism auto_find_batch_size "
        "split_batches dispatch_batches accelerator_config.** average_tokens_across_devices "
        "fp16_full_eval bf16_full_eval fp16_opt_level prediction_loss_only label_names "
        "include_inputs_for_metrics restore_callback_states_from_checkpoint",
        idle(_OF_LAUNCHER),
    ),
}

SILENT = {
    "per_device_train_batch_size": 8,
    "learning_rate": 5e-5,
    "num_train_epochs": 3.0,
    "max_grad_norm": 1.0,
    "lr_scheduler_type": "linear",
    "optim": "adamw_torch",
    "seed": 42,
    "save_steps": 500,
}
"""What TrainingArguments are where nothing is said, and a recipe is not."""
