"""Rules across keys: one table of what may not stand together, why, and what to write instead."""

from zoo.errors import Fault
from zoo.recipe import conditions as c
from zoo.recipe.keys import Origin
from zoo.recipe.rule import Rule
from zoo.recipe.rules_compression import COMPRESSION_RULES
from zoo.recipe.spec import Recipe

__all__ = ["RULES", "Rule", "broken_rules", "rule_faults"]


def rule_faults(recipe: Recipe, origin: Origin) -> list[Fault]:
    """Every rule that a recipe breaks, as faults."""
    faults = []
    for rule, found in broken_rules(recipe):
        nearest = rule.nearest if isinstance(rule.nearest, str) else rule.nearest(recipe)
        file = origin(tuple(rule.key.split(".")))
        faults.append(Fault(file, rule.key, found, f"{rule.allowed} ({rule.why})", nearest))
    return faults


def broken_rules(recipe: Recipe) -> list[tuple[Rule, str]]:
    """The rules that a recipe breaks, each with what was found."""
    return [(rule, found) for rule in RULES if (found := rule.found(recipe))]


RULES = (
    Rule(
        "length",
        "run.steps",
        c.two_lengths,
        "one of run.steps and run.epochs",
        "a run has one length",
    ),
    Rule(
        "whole micro-batches",
        "run.batch",
        c.ragged_batch,
        "a multiple of run.micro_batch",
        "data ranks take whole micro-batches, so that every layout computes the same",
        c.near_batch,
    ),
    Rule(
        "whole matrices",
        "parallel.zero.stage",
        c.flat_partitions,
        "0",
        "ZeRO 1-3 hands the optimizer flat partitions: what looks at whole matrices becomes "
        "silently another algorithm",
        "0, or optimizer.type AdamW",
        source="deepspeed/runtime/zero/stage_1_and_2.py: single_partition_of_fp32_groups",
    ),
    Rule(
        "matrices, not slices",
        "parallel.tensor",
        c.sliced_matrices,
        "1",
        "a tensor rank's slice is not the matrix: what looks at whole matrices becomes silently "
        "another algorithm",
        "1, or optimizer.type AdamW",
        source="You et al. 2020, arXiv:1904.00962, algorithm 2; Jordan et al. 2024, Muon",
    ),
    Rule(
        "gradients of a pipeline",
        "parallel.zero.stage",
        c.pipeline_gradients,
        "0 or 1 in a pipeline",
        "it keeps gradients across micro-batches, which stages 2 and 3 partition: "
        "deepspeed/runtime/pipe/engine.py asserts",
        "1",
        source="deepspeed/runtime/pipe/engine.py: incompatible with pipeline parallelism",
    ),
    Rule(
        "masters of a pipeline",
        "parallel.zero.stage",
        c.pipeline_masters,
        "1 in a pipeline, or run.precision fp32",
        "without ZeRO, DeepSpeed's BF16_Optimizer shards bf16's masters by itself, and "
        "FP16_UnfusedOptimizer counts tied weights twice in the norm of fp16",
        "1",
        source="deepspeed/runtime/bf16_optimizer.py: fp32_groups_flat_partition; "
        "deepspeed/runtime/fp16/unfused_optimizer.py: get_weight_norm",
    ),
    Rule(
        "norm of slices",
        "parallel.zero.stage",
        c.norm_of_slices,
        "1, 2 or 3 with tensor ranks, or run.precision fp32",
        "deepspeed/runtime/fp16/unfused_optimizer.py counts only tensor rank 0 in the norm",
        "1",
        source="deepspeed/runtime/fp16/unfused_optimizer.py: get_weight_norm",
    ),
    Rule(
        "stages of a whole family",
        "parallel.pipeline.stages",
        c.stages_of_whole,
        "1",
        "this family trains whole: nothing says how it runs in pieces; `zoo compat` shows what can",
        "1, with parallel.zero.stage 3 to share the weights out",
        source="transformers/configuration_utils.py: base_model_pp_plan",
    ),
    Rule(
        "slices of a whole family",
        "parallel.tensor",
        c.slices_of_whole,
        "1",
        "nothing says how the matrices of this family are cut; `zoo compat` shows what can be",
        "1, with parallel.zero.stage 3 to share the weights out",
        source="transformers/configuration_utils.py: base_model_tp_plan",
    ),
    Rule(
        "optimizer offload",
        "parallel.zero.offload_optimizer",
        c.offload_below("offload_optimizer", 1),
        "parallel.zero.stage 1, 2 or 3",
        "DeepSpeed offloads only what ZeRO partitions",
        "parallel.zero.stage 2",
    ),
    Rule(
        "parameter offload",
        "parallel.zero.offload_param",
        c.offload_below("offload_param", 3),
        "parallel.zero.stage 3",
        "only stage 3 partitions parameters",
        "parallel.zero.stage 3",
    ),
    Rule(
        "optimizer state in memory",
        "parallel.zero.offload_optimizer.device",
        c.nvme("offload_optimizer"),
        "none, cpu",
        "checkpoints read the optimizer's state in memory",
        "cpu",
    ),
    Rule(
        "parameters in memory",
        "parallel.zero.offload_param.device",
        c.nvme("offload_param"),
        "none, cpu",
        "checkpoints read the parameters in memory",
        "cpu",
    ),
    Rule(
        "ZeRO++",
        "parallel.zero.stage",
        c.quantized_below_3,
        "3",
        "ZeRO++ is made of stage 3's collectives",
        "3",
    ),
    Rule(
        "own optimizers",
        "parallel.zero",
        c.own_optimizers,
        "ZeRO without them",
        "DeepSpeed builds these optimizers itself, the zoo hands over an instance",
        "parallel.zero.offload_optimizer",
    ),
    Rule(
        "gradient norm",
        "parallel.zero.compute_grad_norm",
        c.norm_off,
        "true",
        "the norm is logged at every stage",
        "true",
    ),
    Rule(
        "masks twice",
        "task.augment.spec_augment",
        c.masks_twice,
        "one of them: model.config.mask_time_prob 0 or task.augment.spec_augment false",
        "the model's own masks draw from a global generator",
        "model.config.mask_time_prob 0",
    ),
    Rule(
        "partner",
        "run.micro_batch",
        c.no_partner,
        "at least 2 with mixup or cutmix",
        "the partner is in the same micro-batch",
        "2",
    ),
    Rule(
        "seconds",
        "task.max_seconds",
        c.no_seconds,
        "more than task.min_seconds",
        "no clip would be left",
    ),
    Rule(
        "whole words",
        "task.whole_word",
        c.no_words,
        "a tokenizer that knows words, such as a trained wordpiece",
        "bytes and characters carry no word boundaries",
        "false",
    ),
    Rule(
        "something to score",
        "data.valid",
        c.nothing_to_score,
        "a split, a list of splits, or a share of train",
        "these keys need a validation set",
        "0.1",
    ),
    Rule(
        "tokenizer",
        "model.tokenizer",
        c.no_tokenizer,
        "bytes, characters, a name, or an object of train, vocab_size, lowercase",
        "without model.name there is none to take",
        "bytes",
    ),
    Rule(
        "architecture",
        "model",
        c.no_model,
        "a hub id or folder as model.name, or an architecture as model.config",
        "there is nothing to build",
    ),
    Rule(
        "revision",
        "model.revision",
        c.revision_of_nothing,
        "together with model.name",
        "it is a revision of that name",
    ),
    Rule(
        "flash attention",
        "model.attention",
        c.flash_in_fp32,
        "sdpa or eager, or run.precision bf16 or fp16",
        "flash attention has no fp32 kernels",
        "sdpa",
    ),
    Rule(
        "Adam's decay",
        "optimizer.params.adam_w_mode",
        c.coupled_adamw,
        "true with AdamW; Adam with false couples the decay",
        "DeepSpeed's AdamW ignores it",
        "optimizer.type Adam",
    ),
    Rule(
        "nesterov",
        "optimizer.params.nesterov",
        c.no_momentum,
        "with momentum above 0 and dampening 0",
        "torch.optim.SGD",
        "optimizer.params.momentum 0.9",
    ),
    Rule(
        "Muon's rates",
        "optimizer.params.lr",
        c.muon_without_rates,
        "lr, or muon_lr and adam_lr",
        "DeepSpeed's defaults for the two halves differ by a factor of 67",
    ),
    Rule(
        "built-in data",
        "data.name",
        c.other_built_in,
        "stdlib-text for causal-lm and masked-lm, stdlib-keywords for sequence-classification, "
        "digits for image-classification, morse for ctc",
        "the rows must hold what the task reads",
        c.near_built_in,
    ),
    Rule(
        "lengths",
        "data.sampling",
        c.one_length,
        "random, sequential",
        "all examples of this task have one length",
        "random",
    ),
    Rule(
        "labels",
        "data.labels",
        c.labels_twice,
        "every class once",
        "the place in the list is the id",
    ),
    Rule(
        "something to train",
        "model.freeze",
        c.all_frozen,
        "patterns that leave parameters to train",
        "* matches every parameter",
    ),
    *COMPRESSION_RULES,
)
