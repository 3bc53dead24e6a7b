"""Rules about the optimizer."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.recipe import Recipe


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


OPTIMIZER_RULES = (
    Rule(
        "Adam's decay",
        "optimizer.params.adam_w_mode",
        coupled_adamw,
        "true with AdamW; Adam with false couples the decay",
        "DeepSpeed's AdamW ignores it",
        "optimizer.type Adam",
    ),
    Rule(
        "nesterov",
        "optimizer.params.nesterov",
        no_momentum,
        "with momentum above 0 and dampening 0",
        "torch.optim.SGD",
        "optimizer.params.momentum 0.9",
    ),
    Rule(
        "Muon's rates",
        "optimizer.params.lr",
        muon_without_rates,
        "lr, or muon_lr and adam_lr",
        "DeepSpeed's defaults for the two halves differ by a factor of 67",
    ),
)
