"""DeepSpeed's JSON."""

from typing import Any

from zoo.importing.dialects.values import IN_MEMORY, count, dtype, in_memory
from zoo.importing.word import OFF, Dialect, Word, derived, each, idle, impossible, ruled, taken

_SCALER = "the loss scale is dynamic, as DeepSpeed has it by default"
_OTHER_TOOL = "the zoo hands DeepSpeed a model, an optimizer and its data: nothing of this is used"
_BATCH = "examples a step, all ranks together"


def on(value: Any) -> bool:
    """A switch; what is left to others is not on."""
    return value is True


def _to_cpu(value: Any) -> str | None:
    return "cpu" if value else None


def _tracker(name: str) -> Word:
    return derived(
        "run.report_to", "added to the trackers", f"tracker.{name}", lambda on: name if on else None
    )


DEEPSPEED = Dialect(
    "DeepSpeed JSON",
    (
        "zero_optimization",
        "train_micro_batch_size_per_gpu",
        "train_batch_size",
        "steps_per_print",
        "zero_allow_untested_optimizer",
        "activation_checkpointing",
        "aio",
    ),
    {
        "train_batch_size": derived("run.batch", _BATCH, "batch", count),
        "train_micro_batch_size_per_gpu": derived("run.micro_batch", "as it is", "micro", count),
        "gradient_accumulation_steps": derived(
            "run.batch", "times micro_batch and processes", "accumulation", count
        ),
        "gradient_clipping": ruled("gradient_clipping"),
        "steps_per_print": ruled("steps_per_print"),
        "optimizer.type": derived("optimizer.type", "as it is", "deepspeed.optimizer"),
        "optimizer.params.max_grad_norm": ruled("max_grad_norm"),
        "optimizer.params.*": taken("optimizer.params.*"),
        "optimizer.legacy_fusion": idle("PyTorch's or DeepSpeed's kernel: the same update"),
        "scheduler.type": derived("optimizer.scheduler.type", "as it is", "deepspeed.schedule"),
        "scheduler.params.total_num_steps": derived(
            "run.steps",
            "the schedule ends with the run; its length where nothing else says it",
            "total_steps",
        ),
        "scheduler.params.warmup_max_lr": derived(
            "optimizer.params.lr", "the warm-up ends at the optimizer's lr", "peak"
        ),
        "scheduler.params.*": derived(
            "optimizer.scheduler.params.*", "as it is", "deepspeed.schedule.*"
        ),
        "fp16.enabled": derived("run.precision", "fp16", "fp16", on),
        "bf16.enabled": derived("run.precision", "bf16", "bf16", on),
        "bfloat16.enabled": derived("run.precision", "bf16", "bf16", on),
        "fp16.auto_cast": impossible("inputs are cast by the model's own precision"),
        "fp16.loss_scale": impossible(_SCALER),
        "fp16.initial_scale_power": impossible(_SCALER, 16, 12, 32),
        "fp16.loss_scale_window": impossible(_SCALER, 1000),
        "fp16.hysteresis": impossible(_SCALER, 2),
        "fp16.min_loss_scale": impossible(_SCALER, 1),
        "fp16.consecutive_hysteresis": impossible(_SCALER),
        "fp16.fp16_master_weights_and_grads": impossible("masters are fp32"),
        "bf16.immediate_grad_update": idle("gradients are summed as run.precision says"),
        "amp.**": impossible("NVIDIA's apex is not used; run.precision is bf16 or fp16", "O1"),
        "torch_autocast.**": impossible("the model itself is in run.precision"),
        "communication_data_type": derived("parallel.gradient_dtype", "bf16 or fp32", value=dtype),
        "data_types.grad_accum_dtype": derived(
            "parallel.gradient_dtype", "bf16 or fp32", value=dtype
        ),
        "zero_optimization.cpu_offload": derived(
            "parallel.zero.offload_optimizer.device", "DeepSpeed's newer word", value=_to_cpu
        ),
        "zero_optimization.cpu_offload_params": derived(
            "parallel.zero.offload_param.device", "DeepSpeed's newer word", value=_to_cpu
        ),
        "zero_optimization.cpu_offload_use_pin_memory": derived(
            "parallel.zero.offload_optimizer.pin_memory", "DeepSpeed's newer word", value=bool
        ),
        "zero_optimization.stage3_gather_fp16_weights_on_model_save": idle(
            "the export is written from the checkpoint, whole at every stage"
        ),
        "zero_optimization.allgather_bucket_size": taken(
            "parallel.zero.allgather_bucket_size", int
        ),
        **{
            f"zero_optimization.{part}.device": derived(
                f"parallel.zero.{part}.device", IN_MEMORY, value=in_memory
            )
            for part in ("offload_optimizer", "offload_param")
        },
        **each(
            "zero_optimization.offload_optimizer.nvme_path "
            "zero_optimization.offload_param.nvme_path",
            impossible(IN_MEMORY),
        ),
        "zero_optimization.**": taken("parallel.zero.*"),
        "tensor_parallel.autotp_size": derived(
            "parallel.tensor", "ranks of a matrix", value=lambda n: n if n > 1 else None
        ),
        "tensor_parallel.**": idle("parallel.tensor cuts by the family's own plan"),
        **each(
            "activation_checkpointing.partition_activations "
            "activation_checkpointing.cpu_checkpointing",
            impossible("activations are recomputed (parallel.gradient_checkpointing), not moved"),
        ),
        "activation_checkpointing.**": idle(
            "settings of DeepSpeed's own function, which models of Hugging Face do not call; "
            "parallel.gradient_checkpointing=true recomputes"
        ),
        "aio.**": idle("of NVMe, where nothing lies here"),
        **each("tensorboard.enabled", _tracker("tensorboard")),
        **each("wandb.enabled", _tracker("wandb")),
        **each("csv_monitor.enabled", _tracker("csv")),
        "wandb.project": taken("run.project"),
        **each(
            "tensorboard.** csv_monitor.** wandb.** comet.** monitor_config.**",
            idle("a tracker writes into the run's folder; its environment variables hold"),
        ),
        **each(
            "wall_clock_breakdown memory_breakdown dump_state flops_profiler.** comms_logger.** "
            "timers.** comms_config.**",
            idle("the run's own metrics and report show speed and memory"),
        ),
        **each(
            "zero_allow_untested_optimizer zero_force_ds_cpu_optimizer",
            idle("every optimizer of the zoo is tested under ZeRO"),
        ),
        **each(
            "prescale_gradients gradient_predivide_factor disable_allgather",
            idle("gradients are divided once by the global count of targets"),
        ),
        **each(
            "checkpoint.** load_universal_checkpoint use_node_local_storage "
            "dataloader_drop_last local_rank train_steps **._comment _comment",
            idle(_OTHER_TOOL),
        ),
        "pipeline.stages": taken("parallel.pipeline.stages"),
        "pipeline.**": idle("parallel.pipeline says how layers are dealt out"),
        "sparse_gradients": impossible("gradients are dense"),
        **each(
            "sparse_attention.** curriculum_learning.** data_efficiency.** elasticity.** "
            "progressive_layer_drop.** eigenvalue.** quantize_training.** compression_training.** "
            "autotuning.** hybrid_engine.** nebula.** compile.** "
            "seq_parallel_communication_data_type "
            "sequence_parallel_size weight_quantization.**",
            Word("not possible", "", "the zoo does not have this part of DeepSpeed", idle=OFF),
        ),
    },
    {"scheduler.params.warmup_type": "log"},
)
