"""What the rules look for: each function says what was found in a recipe, or an empty string."""

from collections.abc import Callable
from typing import Any

from zoo.recipe.exchange import zero_stage
from zoo.recipe.maps import table
from zoo.recipe.read import brief
from zoo.recipe.spec import BuiltInData, CTCSpec, ImageClassificationSpec, MaskedLMSpec, Recipe

Say = Callable[[Recipe], str]
WHOLE_MATRICES = ("Lamb", "Muon")


def two_lengths(recipe: Recipe) -> str:
    run = recipe.run
    if run.steps is None and run.epochs is None:
        return "neither run.steps nor run.epochs"
    return "both run.steps and run.epochs" if run.steps and run.epochs else ""


def ragged_batch(recipe: Recipe) -> str:
    run = recipe.run
    return f"{run.batch} with micro_batch {run.micro_batch}" if run.batch % run.micro_batch else ""


def near_batch(recipe: Recipe) -> str:
    micro = recipe.run.micro_batch
    return str(max(1, round(recipe.run.batch / micro)) * micro)


def flat_partitions(recipe: Recipe) -> str:
    name = recipe.optimizer.type
    whole = name in WHOLE_MATRICES and zero_stage(recipe) > 0
    return f"{zero_stage(recipe)} with {name}" if whole else ""


def offload_device(recipe: Recipe, key: str) -> str:
    offload = recipe.parallel.zero.get(key)
    return str(offload.get("device", "none")) if isinstance(offload, dict) else "none"


def offload_below(key: str, least: int) -> Say:
    def found(recipe: Recipe) -> str:
        place, stage = offload_device(recipe, key), zero_stage(recipe)
        return f"{place} with stage {stage}" if place != "none" and stage < least else ""

    return found


def nvme(key: str) -> Say:
    return lambda recipe: '"nvme"' if offload_device(recipe, key) == "nvme" else ""


def quantized_below_3(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    keys = (
        "zero_quantized_weights",
        "zero_quantized_gradients",
        "zero_quantized_nontrainable_weights",
    )
    used = [key for key in keys if zero.get(key)]
    used += ["zero_hpz_partition_size"] if zero.get("zero_hpz_partition_size", 1) > 1 else []
    return f"{zero_stage(recipe)} with {', '.join(used)}" if used and zero_stage(recipe) < 3 else ""


def own_optimizers(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    offload = zero.get("offload_optimizer")
    fast = isinstance(offload, dict) and offload.get("super_offload")
    used = ["zenflow"] * ("zenflow" in zero) + ["offload_optimizer.super_offload"] * bool(fast)
    return ", ".join(used)


def pipeline_gradients(recipe: Recipe) -> str:
    stages, zero = recipe.parallel.pipeline.stages, zero_stage(recipe)
    return f"{zero} with {stages} pipeline stages" if stages > 1 and zero > 1 else ""


def pipeline_masters(recipe: Recipe) -> str:
    stages = recipe.parallel.pipeline.stages
    return _unsharded(recipe, f"{stages} pipeline stages") if stages > 1 else ""


def norm_of_slices(recipe: Recipe) -> str:
    parallel = recipe.parallel
    alone = parallel.tensor > 1 and parallel.pipeline.stages == 1  # else pipeline_masters says it
    return _unsharded(recipe, f"{parallel.tensor} tensor ranks") if alone else ""


def _unsharded(recipe: Recipe, ranks: str) -> str:
    precision = recipe.run.precision
    low = precision != "fp32" and zero_stage(recipe) == 0
    return f"0 with {ranks} in {precision}" if low else ""


def sliced_matrices(recipe: Recipe) -> str:
    name, tensor = recipe.optimizer.type, recipe.parallel.tensor
    return f"{tensor} with {name}" if name in WHOLE_MATRICES and tensor > 1 else ""


def _family(recipe: Recipe) -> dict[str, Any] | None:
    """What the table says of the architecture; None where it comes with a name or its own code."""
    model = recipe.model
    told = model.name is None and not model.trust_remote_code
    entry: dict[str, Any] | None = table("families").get(model.config.get("model_type", ""))
    return entry if told else None


def stages_of_whole(recipe: Recipe) -> str:
    stages, family = recipe.parallel.pipeline.stages, _family(recipe)
    refused = stages > 1 and family is not None and "family" not in family
    return f"{stages} for {recipe.model.config['model_type']}" if refused else ""


def slices_of_whole(recipe: Recipe) -> str:
    tensor, family = recipe.parallel.tensor, _family(recipe)
    refused = tensor > 1 and family is not None and not family.get("tensor")
    return f"{tensor} for {recipe.model.config['model_type']}" if refused else ""


def masks_twice(recipe: Recipe) -> str:
    task, config = recipe.task, recipe.model.config
    entry = table("model")["types"].get(config.get("model_type", ""), {"keys": []})
    if not (isinstance(task, CTCSpec) and task.augment.spec_augment):
        return ""
    draws = "mask_time_prob" in config or "mask_time_prob" in entry["keys"]
    probability = config.get("mask_time_prob", 0.05)
    on = draws and config.get("apply_spec_augment", True) and probability
    return f"masks beside the model's mask_time_prob {brief(probability)}" if on else ""


def no_partner(recipe: Recipe) -> str:
    task = recipe.task
    mixing = isinstance(task, ImageClassificationSpec) and (
        task.augment.mixup or task.augment.cutmix
    )
    return "1 with mixup or cutmix" if mixing and recipe.run.micro_batch == 1 else ""


def no_seconds(recipe: Recipe) -> str:
    task = recipe.task
    if not isinstance(task, CTCSpec) or task.max_seconds is None:
        return ""
    wrong = task.min_seconds >= task.max_seconds
    return f"{task.max_seconds:g} with min_seconds {task.min_seconds:g}" if wrong else ""


def no_words(recipe: Recipe) -> str:
    task, tokenizer = recipe.task, recipe.model.tokenizer
    wordless = tokenizer in ("bytes", "characters")
    wrong = isinstance(task, MaskedLMSpec) and task.whole_word and wordless
    return f"true with model.tokenizer {brief(tokenizer)}" if wrong else ""


def nothing_to_score(recipe: Recipe) -> str:
    wanted = {"run.best_metric": recipe.run.best_metric, "run.eval_every": recipe.run.eval_every}
    keys = [f"{key} {brief(value)}" for key, value in wanted.items() if value]
    keys += ['run.export "best"'] * (recipe.run.export == "best")
    return f"nothing, with {' and '.join(keys)}" if keys and recipe.data.valid is None else ""


def no_tokenizer(recipe: Recipe) -> str:
    needed = not isinstance(recipe.task, ImageClassificationSpec)
    absent = recipe.model.tokenizer is None and recipe.model.name is None
    return f"nothing, with task.kind {recipe.task.kind}" if needed and absent else ""


def no_model(recipe: Recipe) -> str:
    return "" if recipe.model.name or recipe.model.config else "neither model.name nor model.config"


def revision_of_nothing(recipe: Recipe) -> str:
    model = recipe.model
    return (
        f"{brief(model.revision)} without model.name" if model.revision and not model.name else ""
    )


def flash_in_fp32(recipe: Recipe) -> str:
    flash = recipe.model.attention == "flash_attention_2" and recipe.run.precision == "fp32"
    return "flash_attention_2 with run.precision fp32" if flash else ""


def coupled_adamw(recipe: Recipe) -> str:
    params = recipe.optimizer.params
    coupled = recipe.optimizer.type == "AdamW" and params.get("adam_w_mode") is False
    return "false with AdamW" if coupled else ""


def no_momentum(recipe: Recipe) -> str:
    params = recipe.optimizer.params
    wrong = params.get("nesterov") and (not params.get("momentum") or params.get("dampening"))
    return "true without momentum, or with dampening" if wrong else ""


def muon_without_rates(recipe: Recipe) -> str:
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


def near_built_in(recipe: Recipe) -> str:
    return BUILT_IN[recipe.task.kind][0]


def other_built_in(recipe: Recipe) -> str:
    data = recipe.data
    if not isinstance(data, BuiltInData) or data.name in BUILT_IN[recipe.task.kind]:
        return ""
    return f"{brief(data.name)} with task.kind {recipe.task.kind}"


def one_length(recipe: Recipe) -> str:
    same = isinstance(recipe.task, ImageClassificationSpec | MaskedLMSpec)
    wrong = same and recipe.data.sampling == "group-by-length"
    return f"group-by-length with task.kind {recipe.task.kind}" if wrong else ""


def labels_twice(recipe: Recipe) -> str:
    labels = recipe.data.labels or ()
    twice = sorted({label for label in labels if labels.count(label) > 1})
    return f"{', '.join(map(brief, twice))} twice" if twice else ""


def all_frozen(recipe: Recipe) -> str:
    freeze = recipe.model.freeze
    return f"{brief(list(freeze))}" if "*" in freeze else ""


def norm_off(recipe: Recipe) -> str:
    return "false" if recipe.parallel.zero.get("compute_grad_norm") is False else ""
