"""The optimizer and its schedule, of the words of several tools."""

from zoo.importing.account import Account
from zoo.importing.dialects.values import OPTIMS
from zoo.importing.word import How
from zoo.recipe.vocabulary.optimizers import ELSEWHERE, canonical

SCHEDULES = {
    "linear": "WarmupPolynomialLR", "polynomial": "WarmupPolynomialLR",
    "cosine": "WarmupCosineLR", "cosine_with_min_lr": "WarmupCosineLR",
    "constant_with_warmup": "WarmupLR", "inverse_sqrt": "WarmupInverseSqrtLR",
}  # fmt: skip


def settle_optimizer(account: Account) -> None:
    """Lays the type and its parameters."""
    name = str(account.said("optim", ""))
    if name in OPTIMS:
        kind, why = OPTIMS[name]
        account.use("optim", "optimizer.type", kind, why)
    elif name:
        reason = {one.casefold(): why for one, (why, _) in ELSEWHERE.items()}.get(name)
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


def settle_schedule(account: Account) -> None:
    """Lays the schedule, with how it warms up."""
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
        least = f"{params}.cos_min_ratio"
        if not account.use("schedule.min_lr_rate", least):
            account.lay(least, 0.0, None, "it ends at 0")
    used = account.settled
    for idea in list(account.ideas):
        if idea.startswith("schedule.") and idea not in used:
            account.drop(idea, f"{kind} has no such parameter")
