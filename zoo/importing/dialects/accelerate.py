"""accelerate's YAML, and the flags of `accelerate launch`."""

from zoo.importing.dialects.fsdp import FSDP
from zoo.importing.dialects.values import IN_MEMORY, count, in_memory
from zoo.importing.word import Dialect, Words, another_file, derived, each, idle, impossible, taken

_PLACES = "`zoo launch`, or the launcher, says who takes part; a recipe holds for any of them"
_ACCUMULATION = "times micro_batch and processes"


WORDS: Words = {
    "mixed_precision": derived("run.precision", "no is fp32", "mixed"),
    "num_processes": derived("run.batch", "processes, over all machines", "processes", count),
    "gradient_accumulation_steps": derived("run.batch", _ACCUMULATION, "accumulation", count),
    "deepspeed_config.gradient_accumulation_steps": derived(
        "run.batch", _ACCUMULATION, "accumulation", count
    ),
    "deepspeed_config.gradient_clipping": taken("optimizer.gradient_clipping"),
    "deepspeed_config.zero_stage": taken("parallel.zero.stage"),
    "deepspeed_config.offload_optimizer_device": derived(
        "parallel.zero.offload_optimizer.device", IN_MEMORY, value=in_memory
    ),
    "deepspeed_config.offload_param_device": derived(
        "parallel.zero.offload_param.device", IN_MEMORY, value=in_memory
    ),
    **each(
        "deepspeed_config.offload_optimizer_nvme_path deepspeed_config.offload_param_nvme_path",
        impossible(IN_MEMORY),
    ),
    "deepspeed_config.zero3_save_16bit_model": idle(
        "the export is written from the checkpoint, whole at every stage"
    ),
    "deepspeed_config.zero3_init_flag": idle("nobody ever holds the whole model"),
    "deepspeed_config.deepspeed_config_file": another_file(),
    **each(
        "deepspeed_config.deepspeed_hostfile deepspeed_config.deepspeed_multinode_launcher "
        "deepspeed_config.deepspeed_inclusion_filter deepspeed_config.deepspeed_exclusion_filter",
        idle(_PLACES),
    ),
    "deepspeed_config.deepspeed_moe_layer_cls_names": impossible("ZeRO gathers every layer"),
    **FSDP,
    "distributed_type": derived(
        "parallel.zero.stage", "0 of MULTI_GPU; else as said", "distributed"
    ),
    **each(
        "use_cpu compute_environment debug downcast_bf16 enable_cpu_affinity gpu_ids machine_rank "
        "main_process_ip main_process_port main_training_function num_machines rdzv_backend "
        "same_network tpu_env tpu_name tpu_use_cluster tpu_use_sudo tpu_zone use_deepspeed "
        "use_fsdp multi_gpu num_cpu_threads_per_process command_file commands config_file "
        "dynamo_backend",
        idle(_PLACES),
    ),
    "dynamo_config.**": impossible("models are not compiled", "NO", "no", "default"),
    "fp8_config.**": impossible("fp8 is not a precision of the zoo"),
    "megatron_lm_config.megatron_lm_tp_degree": taken("parallel.tensor"),
    "megatron_lm_config.megatron_lm_pp_degree": taken("parallel.pipeline.stages"),
    "megatron_lm_config.megatron_lm_gradient_clipping": taken("optimizer.gradient_clipping"),
    "megatron_lm_config.megatron_lm_recompute_activations": taken(
        "parallel.gradient_checkpointing"
    ),
    "megatron_lm_config.**": idle("parallel says how models are cut"),
}

ACCELERATE = Dialect(
    "accelerate YAML",
    ("compute_environment", "distributed_type", "main_training_function", "num_machines",
     "machine_rank"),
    WORDS,
)  # fmt: skip
