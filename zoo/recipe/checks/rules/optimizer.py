"""Rules about the optimizer."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.derived.exchange import (
    averages_itself,
    compression_kind,
    compressor_of,
    optimizer_of,
)
from zoo.recipe.recipe import Recipe


def settled_by_name(recipe: Recipe) -> str:
    """A parameter with another value than the optimizer's name settles."""
    params, name = recipe.optimizer.params, recipe.optimizer.type
    others = [
        f"{brief(params[key])} with {name}"
        for key, only in optimizer_of(recipe).fixed.items()
        if params.get(key, only) != only
    ]
    return ", ".join(others)


def as_settled(recipe: Recipe) -> str:
    """The values that the name settles."""
    fixed = optimizer_of(recipe).fixed
    return " ".join(f"optimizer.params.{key}={brief(only)}" for key, only in fixed.items())


def no_momentum(recipe: Recipe) -> str:
    """Nesterov's step without plain momentum, of all parameters or of a group's."""
    params = recipe.optimizer.params
    if not optimizer_of(recipe).momentum_may_move:
        return ""
    for pattern, changes in {"": {}, **recipe.optimizer.groups}.items():
        own = {**params, **changes}
        if own.get("nesterov") and (not own.get("momentum") or own.get("dampening")):
            where = f" in the group {pattern}" if pattern else ""
            return f"true without momentum, or with dampening{where}"
    return ""


def nameless_group(recipe: Recipe) -> str:
    """A pattern that can match nothing."""
    return '""' if "" in recipe.optimizer.groups else ""


def no_rate(recipe: Recipe) -> str:
    """No learning rate: neither the one nor those that stand for it."""
    params, rates = recipe.optimizer.params, set(optimizer_of(recipe).rates)
    told = "lr" in params or (rates and rates <= params.keys())
    return "" if told else f"nothing, with {recipe.optimizer.type}"


def default_rate(recipe: Recipe) -> str:
    """What the optimizer would take by itself."""
    return f"optimizer.params.lr={optimizer_of(recipe).parameters['lr'].default}"


def ranks_apart(recipe: Recipe) -> str:
    """A mean of weights that are not the same on all data ranks after every step."""
    compressor = compressor_of(recipe)
    alone = compressor is not None and compressor.steps_alone
    if recipe.optimizer.ema is None or not (alone or averages_itself(recipe)):
        return ""
    return f"an average with {compression_kind(recipe) or recipe.optimizer.type}"


def nothing_kept(recipe: Recipe) -> str:
    """Moments of another run for an optimizer that keeps none, or that a compressor keeps."""
    section = recipe.optimizer
    if section.state is None:
        return ""
    if optimizer_of(recipe).momentum_may_move and not section.params.get("momentum"):
        return f"a run, with {section.type} without momentum"
    kind = compression_kind(recipe)
    return f"a run, with {kind}, which keeps moments of its own" if kind else ""


OPTIMIZER_RULES = (
    Rule(
        "moments of another run",
        "optimizer.state",
        nothing_kept,
        "an optimizer with moments, and no parallel.compression",
        "there would be nothing to start from",
        "optimizer.state=unset",
        beside=("optimizer.type", "optimizer.params.momentum", "parallel.compression.kind"),
    ),
    Rule(
        "average of weights",
        "optimizer.ema",
        ranks_apart,
        "without an optimizer that averages over the ranks itself, and without local-sgd",
        "weights differ by rank between two meetings, or their masters lie elsewhere",
        "optimizer.ema=unset",
        beside=("optimizer.type", "parallel.compression.kind"),
    ),
    Rule(
        "a group's name",
        "optimizer.groups",
        nameless_group,
        "patterns of parameters' names, such as *.bias",
        "an empty one matches nothing",
    ),
    Rule(
        "Adam's decay",
        "optimizer.params.adam_w_mode",
        settled_by_name,
        "true with AdamW; Adam with false couples the decay",
        "DeepSpeed's AdamW ignores it",
        as_settled,
        beside=("optimizer.type",),
    ),
    Rule(
        "nesterov",
        "optimizer.params.nesterov",
        no_momentum,
        "with momentum above 0 and dampening 0",
        "torch.optim.SGD",
        "optimizer.params.momentum=0.9 optimizer.params.dampening=0",
        beside=("optimizer.params.momentum", "optimizer.params.dampening"),
    ),
    Rule(
        "learning rate",
        "optimizer.params.lr",
        no_rate,
        "a number of at least 0; with Muon, muon_lr and adam_lr stand for it",
        "a default, DeepSpeed's 0.001 for most, is seldom what was meant",
        default_rate,
        beside=("optimizer.type",),
    ),
)
