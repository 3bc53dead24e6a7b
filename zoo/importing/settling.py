"""What several words say together: batches, length, precision, optimizer, schedule, data."""

from zoo.importing.account import Account
from zoo.importing.datasets import settle_data
from zoo.importing.dialects.values import OPTIMS
from zoo.importing.word import How
from zoo.recipe.checks.known import node_at
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.optimizers import ELSEWHERE, canonical

SCRIPTS = {
    "run_clm": "causal-lm", "run_mlm": "masked-lm", "run_glue": "sequence-classification",
    "run_classification": "sequence-classification", "run_ner": "token-classification",
    "run_qa": "question-answering", "run_summarization": "sequence-to-sequence",
    "run_translation": "sequence-to-sequence", "run_image_classification": "image-classification",
    "run_object_detection": "object-detection", "run_speech_recognition_ctc": "ctc",
    "run_semantic_segmentation": "semantic-segmentation",
    "run_speech_recognition_seq2seq": "speech-seq2seq", "sft": "causal-lm", "dpo": "preference",
}  # fmt: skip
STAGES = {"pt": "causal-lm", "sft": "causal-lm", "dpo": "preference", "kto": "preference"}
SCHEDULES = {
    "linear": "WarmupPolynomialLR", "polynomial": "WarmupPolynomialLR",
    "cosine": "WarmupCosineLR", "cosine_with_min_lr": "WarmupCosineLR",
    "constant_with_warmup": "WarmupLR", "inverse_sqrt": "WarmupInverseSqrtLR",
}  # fmt: skip


def settle(account: Account, world: int | None) -> None:
    """Lays the keys that several words make."""
    _task(account)
    _batch(account, world)
    _length(account)
    _precision(account)
    _optimizer(account)
    _schedule(account)
    _rhythms(account)
    _sharding(account)
    settle_data(account)


def _task(account: Account) -> None:
    script = str(account.said("script", "")).removesuffix(".py")
    stage = account.said("stage")
    for idea, kind in (("script", SCRIPTS.get(script)), ("stage", STAGES.get(str(stage)))):
        if kind in KINDS:
            account.use(idea, "task.kind", kind)
        else:
            account.drop(idea, f"no kind of task does {kind or account.said(idea)}")
    if "rl" in account.ideas and "preference" not in KINDS:
        account.drop("rl", "no kind of task learns preferences yet")
    elif "rl" in account.ideas:
        loss = str(account.said("rl"))
        account.lay("task.kind", "preference")
        account.use("rl", "task.loss", {"sigmoid": "dpo"}.get(loss, loss))
    elif "part.0.path" in account.ideas:
        account.lay("task.kind", "causal-lm", None, "a model of language on texts or chats")
    account.use("length", "task.sequence_length")
    if str(account.said("template")) in ("default", "tokenizer_default", "empty"):
        account.drop("template", "the tokenizer's own", "no effect")
    else:
        account.use("template", "model.chat_template")
    if account.said("adapter") in ("full", "none"):
        account.drop("adapter", "all parameters are trained", "no effect")
    elif node_at(account.sections, ("model", "lora")) is None:
        account.drop("adapter", "a recipe has no model.lora yet: all parameters would be trained")
    elif "adapter" in account.ideas and not account.sections.get("model", {}).get("lora"):
        account.lay("model.lora", {}, account.ideas["adapter"][1])


def _batch(account: Account, world: int | None) -> None:
    per_node = account.said("per_node", 0)
    nodes = str(account.said("nodes", 1))
    here = int(per_node) * (int(nodes) if nodes.isdigit() else 1) if per_node else 0
    processes = world or int(account.said("processes", here or 1))
    micro, times = account.said("micro"), int(account.said("accumulation", 1))
    batch = account.said("batch", micro and micro * times * processes)
    if micro is None and batch is not None:
        micro = max(1, batch // (times * processes))
    if micro is None:
        return
    if not account.use("micro", "run.micro_batch"):
        account.lay("run.micro_batch", micro)
    text = f"{micro} x {times} of accumulation x {processes} processes"
    idea = next((one for one in ("batch", "accumulation", "micro") if one in account.ideas), "")
    account.lay("run.batch", batch, None, text if idea != "batch" else "as it is said")


def _length(account: Account) -> None:
    if account.use("steps", "run.steps"):
        account.drop("epochs", "steps rule", "no effect")
        account.drop("total_steps", "the run's length", "no effect")
    elif account.use("epochs", "run.epochs"):
        account.drop("total_steps", "the run's length", "no effect")
    else:
        account.use("total_steps", "run.steps")


def _precision(account: Account) -> None:
    mixed = {"no": "fp32", "bf16": "bf16", "fp16": "fp16"}.get(str(account.said("mixed")))
    if mixed:
        account.use("mixed", "run.precision", mixed)
    else:
        account.drop("mixed", "fp32, bf16 or fp16")
    account.use("fp16", "run.precision", "fp16")
    account.use("bf16", "run.precision", "bf16")


def _optimizer(account: Account) -> None:
    name = account.said("optim")
    if name in OPTIMS:
        kind, why = OPTIMS[name]
        account.use("optim", "optimizer.type", kind, why)
    elif name is not None:
        reason = {one.casefold(): why for one, (why, _) in ELSEWHERE.items()}.get(str(name))
        account.drop("optim", reason or "no optimizer of the zoo")
    if "deepspeed.optimizer" in account.ideas:
        kind = canonical(str(account.said("deepspeed.optimizer")))
        account.use("deepspeed.optimizer", "optimizer.type", kind)
        account.lay("optimizer.weight_decay_on", "all", None, "as DeepSpeed decays")
    betas = [account.said("beta1", 0.9), account.said("beta2", 0.999)]
    for idea in ("beta1", "beta2"):
        if idea in account.ideas:
            account.ideas[idea][1].to = "optimizer.params.betas"
            account.lay("optimizer.params.betas", betas, None, "adam_beta1 and adam_beta2")
    lr = account.sections.get("optimizer", {}).get("params", {}).get("lr")
    if lr is None:
        account.use("peak", "optimizer.params.lr")
    elif "peak" in account.ideas:
        # DeepSpeed's schedule would set its own file's peak; another file's lr rules over both.
        rate = account.laid["optimizer", "params", "lr"]
        if rate.file == account.ideas["peak"][1].file and lr != account.said("peak"):
            account.use("peak", "optimizer.params.lr")
        else:
            account.drop("peak", "the warm-up ends at optimizer.params.lr", "no effect")


def _schedule(account: Account) -> None:
    params = "optimizer.scheduler.params"
    prefix = "deepspeed.schedule."
    own = [one for one in account.ideas if one.startswith(prefix)]
    if account.use("deepspeed.schedule", "optimizer.scheduler.type"):
        for idea in own:
            account.use(idea, f"{params}.{idea.removeprefix(prefix)}")
        kind = str(account.said("deepspeed.schedule"))
        if f"{prefix}warmup_type" not in account.ideas and kind.startswith("Warmup"):
            account.lay(f"{params}.warmup_type", "log", None, "DeepSpeed's default")
        for idea in ("schedule", "warmup", "warmup_share"):
            account.drop(idea, "DeepSpeed's JSON has the schedule", "no effect")
        return
    name = str(account.said("schedule", "linear" if "optim" in account.ideas else "constant"))
    kind = SCHEDULES.get(name, "")
    if not kind:
        how: How = "derived" if name == "constant" else "not possible"
        account.drop("schedule", f"constant in place of {name}", how)
        for idea in ("warmup", "warmup_share"):
            account.drop(idea, "of a schedule without warm-up", "no effect")
        return
    if not account.use("schedule", "optimizer.scheduler.type", kind):
        account.lay("optimizer.scheduler.type", kind)
    account.lay(f"{params}.warmup_type", "linear")
    if account.use("warmup", f"{params}.warmup_num_steps"):
        account.drop("warmup_share", "steps of warm-up rule", "no effect")
    elif not account.use("warmup_share", f"{params}.warmup_num_steps"):
        account.lay(f"{params}.warmup_num_steps", 0)
    if kind == "WarmupCosineLR":
        account.lay(f"{params}.cos_min_ratio", account.said("schedule.min_lr_rate", 0.0))
    used = {"schedule.min_lr_rate"}
    for idea in list(account.ideas):
        if idea.startswith("schedule.") and idea not in used:
            account.drop(idea, f"{kind} has no such parameter")


def _rhythms(account: Account) -> None:
    every = account.said("log_every")
    if isinstance(every, int) and every > 0:
        account.use("log_every", "run.log_every")
    else:
        account.drop("log_every", "whole steps")
    for name in ("eval", "save"):
        strategy, to = str(account.said(f"{name}_strategy", "steps")), f"run.{name}_every"
        if strategy in ("no", "epoch"):
            account.use(f"{name}_strategy", to, "epoch" if strategy == "epoch" else 0)
            account.drop(f"{name}_every", f"{name}_strategy is {strategy}", "no effect")
        elif isinstance(account.said(f"{name}_every"), int):
            account.use(f"{name}_every", to)
        else:
            account.drop(f"{name}_every", "whole steps")
        if f"{name}s" in account.ideas:
            once = account.said(f"{name}s") == 1
            account.use(f"{name}s", to, "epoch", "" if once else "less often than asked")
    if "wandb" in account.ideas:
        account.lay("run.report_to", ["wandb"])
        account.use("wandb", "run.project")
    if "tracker" in account.ideas:
        account.use("tracker", "run.report_to", [account.said("tracker")])


def _sharding(account: Account) -> None:
    for part in ("optimizer", "param"):
        if account.said(f"offload_{part}") == "none":
            account.drop(f"offload_{part}", "none is offloaded", "no effect")
        else:
            account.use(f"offload_{part}", f"parallel.zero.offload_{part}.device")
    words = str(account.said("fsdp.strategy", account.said("fsdp", ""))).upper()
    stages = {"FULL_SHARD": 3, "HYBRID_SHARD": 3, "SHARD_GRAD_OP": 2, "NO_SHARD": 0}
    stage = next((number for name, number in stages.items() if name in words), None)
    idea = "fsdp.strategy" if "fsdp.strategy" in account.ideas else "fsdp"
    if stage is not None:
        account.use(idea, "parallel.zero.stage", stage)
    elif "fsdp.reshard" in account.ideas:
        account.use("fsdp.reshard", "parallel.zero.stage", 3)
    if "fsdp.offload" in account.ideas and stage:
        for part in ("optimizer", "param")[: 1 + (stage == 3)]:
            account.lay(f"parallel.zero.offload_{part}.device", "cpu")
    if account.said("distributed") == "MULTI_GPU":
        account.use("distributed", "parallel.zero.stage", 0)
