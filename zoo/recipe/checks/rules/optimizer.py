"""Rules about the optimizer."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.derived.exchange import optimizer_of
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


def no_momentum(recipe: Recipe) -> str:
    """Nesterov's step without plain momentum."""
    params = recipe.optimizer.params
    alone = not params.get("momentum") or params.get("dampening")
    wrong = optimizer_of(recipe).momentum_may_move and params.get("nesterov") and alone
    return "true without momentum, or with dampening" if wrong else ""


def two_halves_without_rates(recipe: Recipe) -> str:
    """No rate where the defaults of two halves are far apart."""
    params, rates = recipe.optimizer.params, optimizer_of(recipe).rates
    told = "lr" in params or set(rates) <= set(params)
    return "nothing" if rates and not told else ""


OPTIMIZER_RULES = (
    Rule(
        "Adam's decay",
        "optimizer.params.adam_w_mode",
        settled_by_name,
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
        two_halves_without_rates,
        "lr, or muon_lr and adam_lr",
        "DeepSpeed's defaults for the two halves differ by a factor of 67",
    ),
)
