"""What several words say together: the task, batches, length, precision, rhythms."""

from zoo.importing.account import Account
from zoo.importing.datasets import is_glue, settle_data
from zoo.importing.dialects.values import TRACKERS
from zoo.importing.models import (
    PREFERENCE,
    loss_of,
    settle_losses,
    settle_model,
    stage_of,
    trained_by,
)
from zoo.importing.optimizing import settle_optimizer, settle_schedule
from zoo.importing.sharding import settle_sharding
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.kinds.losses import LOSSES

SCRIPTS = {
    "run_clm": "causal-lm", "run_mlm": "masked-lm", "run_glue": "sequence-classification",
    "run_classification": "sequence-classification", "run_ner": "token-classification",
    "run_qa": "question-answering", "run_summarization": "sequence-to-sequence",
    "run_translation": "sequence-to-sequence", "run_image_classification": "image-classification",
    "run_object_detection": "object-detection", "run_speech_recognition_ctc": "ctc",
    "run_semantic_segmentation": "semantic-segmentation",
    "run_speech_recognition_seq2seq": "speech-seq2seq", "sft": "causal-lm", "dpo": PREFERENCE,
    "reward": "sequence-classification", "orpo": PREFERENCE, "kto": PREFERENCE,
    "run_qa_no_trainer": "question-answering",
}  # fmt: skip
PARTS_OF_BATCH = ("batch_of_one", "accumulation", "processes", "per_node", "nodes")
STAGES = {
    "rm": "sequence-classification",
    "pt": "causal-lm",
    "sft": "causal-lm",
    "dpo": PREFERENCE,
    "kto": PREFERENCE,
}


def settle(account: Account, world: int | None) -> None:
    """Lays the keys that several words make."""
    _task(account)
    settle_losses(account)
    settle_model(account)
    _batch(account, world)
    _length(account)
    _precision(account)
    settle_optimizer(account)
    settle_schedule(account)
    _rhythms(account)
    settle_sharding(account)
    settle_data(account)


def _task(account: Account) -> None:
    asked = {"script": SCRIPTS.get(trained_by(account)), "stage": STAGES.get(stage_of(account))}
    for idea, kind in asked.items():
        if kind in KINDS:
            account.use(idea, "task.kind", kind)
        else:
            account.drop(idea, f"no kind of task does {kind or account.said(idea)}")
    if trained_by(account) == "reward" or stage_of(account) == "rm":
        account.lay("task.problem", "pairs", None, "a reward model learns from pairs")
    if account.at(("task", "kind")) is None and loss_of(account) in LOSSES:
        account.lay("task.kind", PREFERENCE, None, "a loss of preferences")
    elif account.at(("task", "kind")) is None and "part.0.path" in account.ideas:
        account.lay("task.kind", "causal-lm", None, "a model of language on texts or chats")
    elif account.at(("task", "kind")) is None and is_glue(account):
        account.lay("task.kind", "sequence-classification", None, "as GLUE's tasks are")
    account.use("length", "task.sequence_length")


def _batch(account: Account, world: int | None) -> None:
    """Examples a step of all processes, and of one at a time; what is not said, of the others."""
    here = account.said("per_node", 0) * account.said("nodes", 1)
    processes = world or account.said("processes", here or 1)
    micro, times = account.said("micro"), account.said("accumulation", 1)
    if "batch_of_one" in account.ideas:
        times = max(1, account.said("batch_of_one") // (micro or 1))
    batch = account.said("batch", micro and micro * times * processes)
    if micro is None and batch is not None:
        micro = max(1, batch // (times * processes))
    parts = [one for one in PARTS_OF_BATCH if one in account.ideas]
    text = f"{micro} x {times} of accumulation x {processes} process{'es' * (processes > 1)}"
    if account.use("batch", "run.batch"):
        for idea in parts:
            account.drop(idea, "run.batch and micro_batch say it", "no effect")
    elif batch is not None:
        for idea in parts:
            account.use(idea, "run.batch", batch, text)
        account.lay("run.batch", batch, None, text)
        if not (world or here or "processes" in account.ideas):
            account.notes.append(
                f"run.batch is {batch:,}, that of one process: say --world-size N if there are more"
            )
    else:
        for idea in parts:
            account.drop(idea, "part of a batch, of which no file says the examples a process")
    if micro is not None and not account.use("micro", "run.micro_batch"):
        account.lay("run.micro_batch", micro)


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


def _rhythms(account: Account) -> None:
    every = account.said("log_every")
    if isinstance(every, int) and every > 0:
        account.use("log_every", "run.log_every")
    else:
        account.drop("log_every", "whole steps")
    for name in ("eval", "save"):
        strategy, to = str(account.said(f"{name}_strategy", "")), f"run.{name}_every"
        if strategy in ("no", "epoch"):
            account.use(f"{name}_strategy", to, "epoch" if strategy == "epoch" else 0)
            account.drop(f"{name}_every", f"{name}_strategy is {strategy}", "no effect")
        elif isinstance(account.said(f"{name}_every"), int):
            account.use(f"{name}_every", to)
        elif strategy == "steps" and f"{name}_every" not in account.ideas:
            account.use(
                f"{name}_strategy",
                to,
                every if isinstance(every, int) else 500,
                "as often as it is logged",
            )
        else:
            account.drop(f"{name}_every", "whole steps")
        if f"{name}s" in account.ideas:
            once = account.said(f"{name}s") == 1
            account.use(f"{name}s", to, "epoch", "" if once else "less often than asked")
    _trackers(account)


def _trackers(account: Account) -> None:
    """All that somebody asked for, in one list."""
    asked = account.said("trackers", [])
    known = [one for one in asked if one in TRACKERS]
    strange = [one for one in asked if one not in TRACKERS]
    why = f"the zoo has no {', '.join(strange)}" if strange else ""
    if known or not strange:
        account.use("trackers", "run.report_to", known, why)
    else:
        account.drop("trackers", why)
    for name in TRACKERS:
        if f"tracker.{name}" in account.ideas:
            account.join(f"tracker.{name}", "run.report_to", name)
    if "wandb" in account.ideas:
        account.join("wandb", "run.report_to", "wandb")
        account.use("wandb", "run.project", None, "and wandb among the trackers")
