"""Rules about when compression begins, which three keys say: before the end, after the warm-up."""

from zoo.recipe.conditions import Say
from zoo.recipe.exchange import averages_itself, freezes_variance, replaces_momentum, steps_of
from zoo.recipe.optimizers import SCHEDULERS, hyper_parameters
from zoo.recipe.rule import Rule
from zoo.recipe.spec import Recipe

FREEZE, VARIANCE = "optimizer.params.freeze_step", "optimizer.params.var_freeze_step"
START = "parallel.compression.start"


def begin(recipe: Recipe, key: str) -> int | None:
    """The last step before compression, if `key` says it and the run's length is known."""
    steps, name = recipe.run.steps, key.rpartition(".")[2]
    if not steps:
        return None
    if key == START:  # a compressor of SGD's momentum leaves entries out from the first step on
        compression = recipe.parallel.compression
        count = 0 if replaces_momentum(recipe) else getattr(compression, name, 0)
        return steps_of(count, steps) if count else None
    own = VARIANCE if recipe.optimizer.type == "ZeroOneAdam" else FREEZE
    if not averages_itself(recipe) or key != own:
        return None
    return steps_of(hyper_parameters(recipe.optimizer, {})[name], steps)


def never(key: str) -> Say:
    """Whether a run ends before anything is compressed."""

    def found(recipe: Recipe) -> str:
        last, steps = begin(recipe, key), recipe.run.steps or 0
        if last is None:
            return ""
        dense = last
        if key == VARIANCE:  # between its updates gradients are compressed before it
            dense = min(last, hyper_parameters(recipe.optimizer, {})["var_update_scaler"])
        return f"{last} of {steps} steps" if dense >= steps else ""

    return found


def warmup(recipe: Recipe) -> int:
    """The steps in which the learning rate grows."""
    scheduler = recipe.optimizer.scheduler
    if scheduler is None:
        return 0
    known = SCHEDULERS[scheduler.type].get("warmup_num_steps")
    count = scheduler.params.get("warmup_num_steps", known.default if known else 0)
    return steps_of(count, recipe.run.steps or 0) if count else 0


def early(key: str) -> Say:
    """Whether a variance freezes while the learning rate still grows."""

    def found(recipe: Recipe) -> str:
        last, steps = begin(recipe, key), warmup(recipe)
        if last is None or (key == START and not freezes_variance(recipe)):
            return ""
        return f"{last} with {steps} steps of warm-up" if last < steps else ""

    return found


def near(recipe: Recipe) -> str:
    """A fifth of the run, or the end of the warm-up where that is later."""
    fifth, steps = (recipe.run.steps or 0) // 5, warmup(recipe)
    return f"{fifth}, or 0.2" if fifth >= steps else str(steps)


def rules(key: str) -> tuple[Rule, Rule]:
    """The two rules of a key."""
    source = "Tang et al. 2021, arXiv:2102.02888, section 7.1"
    return (
        Rule(
            f"something to compress: {key}",
            key,
            never(key),
            "a step before the run ends; 15 to 25 % of the steps are usual",
            "until then gradients travel whole",
            near,
            source,
        ),
        Rule(
            f"a settled variance: {key}",
            key,
            early(key),
            "a step after the learning rate has warmed up",
            "the variance freezes there, and would stay that of the first, small steps",
            near,
            source,
        ),
    )


BEGIN_RULES = tuple(rule for key in (FREEZE, VARIANCE, START) for rule in rules(key))
