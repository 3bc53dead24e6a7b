"""Rules across keys: one table of what may not stand together, why, and what to write instead."""

from collections.abc import Callable
from dataclasses import dataclass

from zoo.errors import Fault
from zoo.recipe.keys import Origin
from zoo.recipe.maps import table
from zoo.recipe.read import brief
from zoo.recipe.spec import (
    BuiltInData,
    CTCSpec,
    ImageClassificationSpec,
    MaskedLMSpec,
    Recipe,
)

Say = Callable[[Recipe], str]


@dataclass(frozen=True)
class Rule:
    """`found` says what is wrong in a recipe, or nothing; `key` is where the fault is shown."""

    name: str
    key: str
    found: Say
    allowed: str
    why: str
    nearest: str | Say = ""


def rule_faults(recipe: Recipe, origin: Origin) -> list[Fault]:
    """Every rule that a recipe breaks, as faults."""
    faults = []
    for rule in RULES:
        found = rule.found(recipe)
        if found:
            nearest = rule.nearest if isinstance(rule.nearest, str) else rule.nearest(recipe)
            file = origin(tuple(rule.key.split(".")))
            faults.append(Fault(file, rule.key, found, f"{rule.allowed} ({rule.why})", nearest))
    return faults


def _length(recipe: Recipe) -> str:
    run = recipe.run
    if run.steps is None and run.epochs is None:
        return "neither run.steps nor run.epochs"
    return "both run.steps and run.epochs" if run.steps and run.epochs else ""


def _batch(recipe: Recipe) -> str:
    run = recipe.run
    return f"{run.batch} with micro_batch {run.micro_batch}" if run.batch % run.micro_batch else ""


def _near_batch(recipe: Recipe) -> str:
    micro = recipe.run.micro_batch
    return str(max(1, round(recipe.run.batch / micro)) * micro)


def _stage(recipe: Recipe) -> int:
    return int(recipe.parallel.zero.get("stage", 0))


def _flat(recipe: Recipe) -> str:
    name = recipe.optimizer.type
    whole = name in ("Lamb", "Muon", "Adafactor") and _stage(recipe) > 0
    return f"{_stage(recipe)} with {name}" if whole else ""


def _device(recipe: Recipe, key: str) -> str:
    offload = recipe.parallel.zero.get(key)
    return str(offload.get("device", "none")) if isinstance(offload, dict) else "none"


def _offload(key: str, least: int) -> Say:
    def found(recipe: Recipe) -> str:
        device, stage = _device(recipe, key), _stage(recipe)
        return f"{device} with stage {stage}" if device != "none" and stage < least else ""

    return found


def _nvme(key: str) -> Say:
    return lambda recipe: '"nvme"' if _device(recipe, key) == "nvme" else ""


def _quantized(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    keys = ("zero_quantized_weights", "zero_quantized_gradients", "zero_quantized_nontrainable_weights")
    used = [key for key in keys if zero.get(key)]
    used += ["zero_hpz_partition_size"] if zero.get("zero_hpz_partition_size", 1) > 1 else []
    return f"{_stage(recipe)} with {', '.join(used)}" if used and _stage(recipe) < 3 else ""


def _own_optimizer(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    offload = zero.get("offload_optimizer")
    fast = isinstance(offload, dict) and offload.get("super_offload")
    used = ["zenflow"] * ("zenflow" in zero) + ["offload_optimizer.super_offload"] * bool(fast)
    return ", ".join(used)


def _spec_augment(recipe: Recipe) -> str:
    task, config = recipe.task, recipe.model.config
    entry = table("model")["types"].get(config.get("model_type", ""), {"keys": []})
    if not (isinstance(task, CTCSpec) and task.augment.spec_augment):
        return ""
    draws = "mask_time_prob" in config or "mask_time_prob" in entry["keys"]
    probability = config.get("mask_time_prob", 0.05)
    on = draws and config.get("apply_spec_augment", True) and probability
    return f"masks beside the model's mask_time_prob {brief(probability)}" if on else ""


def _alone(recipe: Recipe) -> str:
    task = recipe.task
    mixing = isinstance(task, ImageClassificationSpec) and (
        task.augment.mixup or task.augment.cutmix
    )
    return "1 with mixup or cutmix" if mixing and recipe.run.micro_batch == 1 else ""


def _seconds(recipe: Recipe) -> str:
    task = recipe.task
    if not isinstance(task, CTCSpec) or task.max_seconds is None:
        return ""
    wrong = task.min_seconds >= task.max_seconds
    return f"{task.max_seconds:g} with min_seconds {task.min_seconds:g}" if wrong else ""


def _whole_word(recipe: Recipe) -> str:
    task, tokenizer = recipe.task, recipe.model.tokenizer
    wordless = tokenizer in ("bytes", "characters")
    wrong = isinstance(task, MaskedLMSpec) and task.whole_word and wordless
    return f"true with model.tokenizer {brief(tokenizer)}" if wrong else ""


def _no_valid(recipe: Recipe) -> str:
    wanted = {"run.best_metric": recipe.run.best_metric, "run.eval_every": recipe.run.eval_every}
    keys = [f"{key} {brief(value)}" for key, value in wanted.items() if value]
    keys += ['run.export "best"'] * (recipe.run.export == "best")
    return f"nothing, with {' and '.join(keys)}" if keys and recipe.data.valid is None else ""


def _tokenizer(recipe: Recipe) -> str:
    needed = not isinstance(recipe.task, ImageClassificationSpec)
    absent = recipe.model.tokenizer is None and recipe.model.name is None
    return f"nothing, with task.kind {recipe.task.kind}" if needed and absent else ""


def _model(recipe: Recipe) -> str:
    return "" if recipe.model.name or recipe.model.config else "neither model.name nor model.config"


def _revision(recipe: Recipe) -> str:
    model = recipe.model
    return f"{brief(model.revision)} without model.name" if model.revision and not model.name else ""


def _flash(recipe: Recipe) -> str:
    flash = recipe.model.attention == "flash_attention_2" and recipe.run.precision == "fp32"
    return "flash_attention_2 with run.precision fp32" if flash else ""


def _adam_mode(recipe: Recipe) -> str:
    params = recipe.optimizer.params
    coupled = recipe.optimizer.type == "AdamW" and params.get("adam_w_mode") is False
    return "false with AdamW" if coupled else ""


def _nesterov(recipe: Recipe) -> str:
    params = recipe.optimizer.params
    wrong = params.get("nesterov") and (not params.get("momentum") or params.get("dampening"))
    return "true without momentum, or with dampening" if wrong else ""


def _fused(recipe: Recipe) -> str:
    params = recipe.optimizer.params
    return "true with foreach true" if params.get("fused") and params.get("foreach") else ""


def _muon(recipe: Recipe) -> str:
    params = recipe.optimizer.params
    told = "lr" in params or {"muon_lr", "adam_lr"} <= set(params)
    return "" if recipe.optimizer.type != "Muon" or told else "nothing"


BUILT_IN = {
    "causal-lm": ("stdlib-text",),
    "masked-lm": ("stdlib-text",),
    "sequence-classification": ("stdlib-keywords",),
    "image-classification": ("digits",),
    "ctc": ("morse",),
}


def _built_in(recipe: Recipe) -> str:
    data = recipe.data
    wrong = isinstance(data, BuiltInData) and data.name not in BUILT_IN[recipe.task.kind]
    return f"{brief(data.name)} with task.kind {recipe.task.kind}" if wrong else ""


def _grouped(recipe: Recipe) -> str:
    same = isinstance(recipe.task, ImageClassificationSpec | MaskedLMSpec)
    wrong = same and recipe.data.sampling == "group-by-length"
    return f"group-by-length with task.kind {recipe.task.kind}" if wrong else ""


def _labels(recipe: Recipe) -> str:
    labels = recipe.data.labels or ()
    twice = sorted({label for label in labels if labels.count(label) > 1})
    return f"{', '.join(map(brief, twice))} twice" if twice else ""


def _patterns(recipe: Recipe) -> str:
    freeze = recipe.model.freeze
    return f"{brief(list(freeze))}" if "*" in freeze else ""


def _norm(recipe: Recipe) -> str:
    return "false" if recipe.parallel.zero.get("compute_grad_norm") is False else ""


RULES = (
    Rule(
        "length",
        "run.steps",
        _length,
        "one of run.steps and run.epochs",
        "a run has one length",
    ),
    Rule(
        "whole micro-batches",
        "run.batch",
        _batch,
        "a multiple of run.micro_batch",
        "data ranks take whole micro-batches, so that every layout computes the same",
        _near_batch,
    ),
    Rule(
        "whole matrices",
        "parallel.zero.stage",
        _flat,
        "0",
        "ZeRO 1-3 hands the optimizer flat partitions: what looks at whole matrices becomes "
        "silently another algorithm",
        "0, or optimizer.type AdamW",
    ),
    Rule(
        "optimizer offload",
        "parallel.zero.offload_optimizer",
        _offload("offload_optimizer", 1),
        "parallel.zero.stage 1, 2 or 3",
        "DeepSpeed offloads only what ZeRO partitions",
        "parallel.zero.stage 2",
    ),
    Rule(
        "parameter offload",
        "parallel.zero.offload_param",
        _offload("offload_param", 3),
        "parallel.zero.stage 3",
        "only stage 3 partitions parameters",
        "parallel.zero.stage 3",
    ),
    Rule(
        "optimizer state in memory",
        "parallel.zero.offload_optimizer.device",
        _nvme("offload_optimizer"),
        "none, cpu",
        "checkpoints read the optimizer's state in memory",
        "cpu",
    ),
    Rule(
        "parameters in memory",
        "parallel.zero.offload_param.device",
        _nvme("offload_param"),
        "none, cpu",
        "checkpoints read the parameters in memory",
        "cpu",
    ),
    Rule(
        "ZeRO++",
        "parallel.zero.stage",
        _quantized,
        "3",
        "ZeRO++ is made of stage 3's collectives",
        "3",
    ),
    Rule(
        "own optimizers",
        "parallel.zero",
        _own_optimizer,
        "ZeRO without them",
        "DeepSpeed builds these optimizers itself, the zoo hands over an instance",
        "parallel.zero.offload_optimizer",
    ),
    Rule(
        "gradient norm",
        "parallel.zero.compute_grad_norm",
        _norm,
        "true",
        "the norm is logged at every stage",
        "true",
    ),
    Rule(
        "masks twice",
        "task.augment.spec_augment",
        _spec_augment,
        "one of them: model.config.mask_time_prob 0 or task.augment.spec_augment false",
        "the model's own masks draw from a global generator",
        "model.config.mask_time_prob 0",
    ),
    Rule(
        "partner",
        "run.micro_batch",
        _alone,
        "at least 2 with mixup or cutmix",
        "the partner is in the same micro-batch",
        "2",
    ),
    Rule(
        "seconds",
        "task.max_seconds",
        _seconds,
        "more than task.min_seconds",
        "no clip would be left",
    ),
    Rule(
        "whole words",
        "task.whole_word",
        _whole_word,
        "a tokenizer that knows words, such as a trained wordpiece",
        "bytes and characters carry no word boundaries",
        "false",
    ),
    Rule(
        "something to score",
        "data.valid",
        _no_valid,
        "a split, a list of splits, or a share of train",
        "these keys need a validation set",
        "0.1",
    ),
    Rule(
        "tokenizer",
        "model.tokenizer",
        _tokenizer,
        "bytes, characters, a name, or an object of train, vocab_size, lowercase",
        "without model.name there is none to take",
        "bytes",
    ),
    Rule(
        "architecture",
        "model",
        _model,
        "a hub id or folder as model.name, or an architecture as model.config",
        "there is nothing to build",
    ),
    Rule(
        "revision",
        "model.revision",
        _revision,
        "together with model.name",
        "it is a revision of that name",
    ),
    Rule(
        "flash attention",
        "model.attention",
        _flash,
        "sdpa or eager, or run.precision bf16 or fp16",
        "flash attention has no fp32 kernels",
        "sdpa",
    ),
    Rule(
        "Adam's decay",
        "optimizer.params.adam_w_mode",
        _adam_mode,
        "true with AdamW; Adam with false couples the decay",
        "DeepSpeed's AdamW ignores it",
        "optimizer.type Adam",
    ),
    Rule(
        "nesterov",
        "optimizer.params.nesterov",
        _nesterov,
        "with momentum above 0 and dampening 0",
        "torch.optim.SGD",
        "optimizer.params.momentum 0.9",
    ),
    Rule(
        "one kernel",
        "optimizer.params.fused",
        _fused,
        "one of fused and foreach",
        "torch.optim.AdamW",
    ),
    Rule(
        "Muon's rates",
        "optimizer.params.lr",
        _muon,
        "lr, or muon_lr and adam_lr",
        "DeepSpeed's defaults for the two halves differ by a factor of 67",
    ),
    Rule(
        "built-in data",
        "data.name",
        _built_in,
        "stdlib-text for causal-lm and masked-lm, stdlib-keywords for sequence-classification, "
        "digits for image-classification, morse for ctc",
        "the rows must hold what the task reads",
        lambda recipe: BUILT_IN[recipe.task.kind][0],
    ),
    Rule(
        "lengths",
        "data.sampling",
        _grouped,
        "random, sequential",
        "all examples of this task have one length",
        "random",
    ),
    Rule(
        "labels",
        "data.labels",
        _labels,
        "every class once",
        "the place in the list is the id",
    ),
    Rule(
        "something to train",
        "model.freeze",
        _patterns,
        "patterns that leave parameters to train",
        "* matches every parameter",
    ),
)
