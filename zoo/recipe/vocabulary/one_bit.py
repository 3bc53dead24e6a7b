"""The optimizers that average over the data ranks themselves, in one bit an element."""

from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.parameters import (
    AMOUNT,
    BETAS,
    MOMENTUM,
    POSITIVE,
    STEPS,
    SWITCH,
    WHOLE_STEPS,
    Node,
    Parameter,
    Parameters,
)

FROZEN = "Steps (or a share of the run) with whole gradients; then the variance stays."
CODECS: Node = {"enum": ["bf16", "int8", "sign"]}

# DeepSpeed's words that change nothing here, with their reasons.
_BY_TORCH = "messages travel over torch's process group"
UNUSED = {
    "comm_backend_name": _BY_TORCH,
    "cuda_aware": _BY_TORCH,
    "eps_inside_sqrt": "DeepSpeed stored it and never used it",
    "amsgrad": "a frozen variance has no maximum to keep",
}
_UNUSED_NODES: dict[str, Node] = {
    "comm_backend_name": {"enum": ["nccl", "mpi", "hccl", "compressed", "gloo"]},
    "cuda_aware": SWITCH,
    "eps_inside_sqrt": SWITCH,
    "amsgrad": {"const": False},
}


def _one_bit(**more: Parameter) -> Parameters:
    """What DeepSpeed's 1-bit optimizers took, and what ours take beside it."""
    return {
        "lr": Parameter(AMOUNT, "Learning rate at its peak.", 1e-3, per_group=True),
        "betas": Parameter(BETAS, "Decay of the first and of the second moment.", [0.9, 0.999]),
        "eps": Parameter(AMOUNT, "Added to the denominator.", 1e-8),
        "weight_decay": Parameter(AMOUNT, "Decoupled weight decay.", 0.0, per_group=True),
        "bias_correction": Parameter(
            SWITCH, "Correct the moments of the first steps; DeepSpeed's corrected nothing.", True
        ),
        "denominator_floor": Parameter(
            AMOUNT,
            "Frozen denominators are at least this share of their block's root mean square.",
            0.1,
        ),
        "warmup_dtype": Parameter(
            {"enum": ["fp32", "bf16"]}, "How whole gradients travel before the freeze.", "fp32"
        ),
        **more,
        **{
            name: Parameter(node, f"No effect: {UNUSED[name]}.")
            for name, node in _UNUSED_NODES.items()
        },
    }


_OURS = "zoo.compression.optimizers"

ONE_BIT: dict[str, Optimizer] = {
    "OneBitAdam": Optimizer(
        "1-bit Adam: momentum of one bit after the variance is frozen (arXiv:2102.02888).",
        _one_bit(
            freeze_step=Parameter(STEPS, FROZEN, 100000),
            parameter_codec=Parameter(
                CODECS, "How owners send parameters down under ZeRO 1.", "bf16"
            ),
        ),
        f"{_OURS}.onebit_adam:OneBitAdam",
        "adam",
        title="1-bit Adam",
        averages_itself=True,
        sharded_by=f"{_OURS}.sharded:ShardedOneBitAdam",
        begins="freeze_step",
        dense="AdamW",
        unused=UNUSED,
    ),
    "ZeroOneAdam": Optimizer(
        "0/1 Adam: one bit, and at growing intervals none (arXiv:2202.06009).",
        _one_bit(
            var_freeze_step=Parameter(STEPS, FROZEN, 100000),
            var_update_scaler=Parameter(
                WHOLE_STEPS, "How slowly the intervals between variance updates grow.", 16
            ),
            local_step_scaler=Parameter(
                WHOLE_STEPS, "Steps after which the local interval doubles.", 32678
            ),
            local_step_clipper=Parameter(WHOLE_STEPS, "Longest local interval.", 16),
        ),
        f"{_OURS}.zero_one_adam:ZeroOneAdam",
        "adam",
        title="0/1 Adam",
        averages_itself=True,
        begins="var_freeze_step",
        sends_early="var_update_scaler",
        intervals_grow=True,
        steps_alone=True,
        dense="AdamW",
        unused=UNUSED,
    ),
    "OneBitLamb": Optimizer(
        "1-bit LAMB: the same with rates of matrices that follow (arXiv:2104.06069).",
        _one_bit(
            freeze_step=Parameter(STEPS, FROZEN, 100000),
            max_coeff=Parameter(POSITIVE, "Largest ratio of weights' to update's norm.", 10.0),
            min_coeff=Parameter(AMOUNT, "Smallest ratio of weights' to update's norm.", 0.01),
            coeff_beta=Parameter(MOMENTUM, "Decay of the mean of a matrix's ratio.", 0.9),
            factor_max=Parameter(POSITIVE, "Largest factor on a frozen ratio.", 4.0),
            factor_min=Parameter(POSITIVE, "Smallest factor on a frozen ratio.", 0.5),
            factor_threshold=Parameter(
                POSITIVE, "Most that the factor changes in a step, as a share.", 0.1
            ),
        ),
        f"{_OURS}.onebit_lamb:OneBitLamb",
        "lamb",
        title="1-bit LAMB",
        averages_itself=True,
        begins="freeze_step",
        dense="Lamb",
        unused=UNUSED,
    ),
}
