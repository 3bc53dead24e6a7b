"""FSDP's own settings, which accelerate, transformers and axolotl call `fsdp_config`."""

from typing import Any

from zoo.importing.word import Words, derived, each, idle, taken

_WRAP = "ZeRO shards by size: parallel.zero says more"
_OFFLOADED = "parallel.zero.offload_*.device"


def resharded(value: Any) -> str:
    """FSDP2's switch as the strategy that it stands for."""
    return "full_shard" if value is True or str(value).upper() == "FULL_SHARD" else "shard_grad_op"


FSDP: Words = {
    "fsdp_config.fsdp_sharding_strategy": derived(
        "parallel.zero.stage", "FULL_SHARD is 3, SHARD_GRAD_OP 2, NO_SHARD 0", "fsdp.strategy"
    ),
    "fsdp_config.fsdp_reshard_after_forward": derived(
        "parallel.zero.stage", "true is 3, false 2", "fsdp.reshard", resharded
    ),
    "fsdp_config.fsdp_offload_params": derived(
        _OFFLOADED, "cpu, of weights (stage 3) and optimizer's state", "fsdp.offload"
    ),
    **each(
        "fsdp_config.fsdp_activation_checkpointing fsdp_config.activation_checkpointing",
        taken("parallel.gradient_checkpointing"),
    ),
    "fsdp_config": idle(_WRAP),
    "fsdp_config.**": idle(_WRAP),
}
