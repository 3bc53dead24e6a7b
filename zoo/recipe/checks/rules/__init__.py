"""Rules across keys: one table of what may not stand together, why, and what to write instead.

A file a subject, each rule beside the condition that it looks for.
"""

from zoo.errors import Fault
from zoo.recipe.checks.keys import Origin
from zoo.recipe.checks.rules.compression import COMPRESSION_RULES
from zoo.recipe.checks.rules.data import DATA_RULES
from zoo.recipe.checks.rules.ending import ENDING_RULES
from zoo.recipe.checks.rules.length import LENGTH_RULES
from zoo.recipe.checks.rules.model import MODEL_RULES
from zoo.recipe.checks.rules.optimizer import OPTIMIZER_RULES
from zoo.recipe.checks.rules.parallel import PARALLEL_RULES
from zoo.recipe.checks.rules.rows.filters import FILTER_RULES
from zoo.recipe.checks.rules.rows.sources import MIXTURE_RULES, SHARD_RULES, rules_of_parts
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.checks.rules.schedule import SCHEDULE_RULES
from zoo.recipe.checks.rules.task import TASK_RULES
from zoo.recipe.checks.rules.zero import ZERO_RULES
from zoo.recipe.provenance import TYPED
from zoo.recipe.recipe import Recipe

RULES: tuple[Rule, ...] = (
    *LENGTH_RULES,
    *PARALLEL_RULES,
    *ZERO_RULES,
    *TASK_RULES,
    *DATA_RULES,
    *SHARD_RULES,
    *FILTER_RULES,
    *MIXTURE_RULES,
    *ENDING_RULES,
    *MODEL_RULES,
    *OPTIMIZER_RULES,
    *SCHEDULE_RULES,
    *COMPRESSION_RULES,
)


def rule_faults(recipe: Recipe, origin: Origin) -> list[Fault]:
    """Every rule that a recipe breaks, as faults."""
    return [fault_of(rule, found, origin) for rule, found in broken_rules(recipe)]


def fault_of(rule: Rule, found: str, origin: Origin) -> Fault:
    """A broken rule as a fault: of the file, or of the word that was typed of what it looks at."""
    places = [origin(tuple(key.split("."))) for key in (rule.key, *rule.beside)]
    file = next((place for place in places if place.startswith(TYPED)), places[0])
    return Fault(file, rule.key, found, f"{rule.allowed} ({rule.why})")


def broken_rules(recipe: Recipe) -> list[tuple[Rule, str]]:
    """The rules that a recipe breaks, each with what was found."""
    rules = (*RULES, *rules_of_parts(recipe))
    return [(rule, found) for rule in rules if (found := rule.found(recipe))]
