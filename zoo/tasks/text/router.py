"""The loss of a router that shares tokens out to experts: added, or refused where it cannot be."""

from transformers import PreTrainedConfig

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault

_SWITCH, _FACTOR = "output_router_logits", "router_aux_loss_coef"
KEY = f"model.config.{_SWITCH}"


def router_factor(config: PreTrainedConfig) -> float:
    """What a model's `aux_loss` is multiplied by; 0 where it is off, as it is by default."""
    on = getattr(config, _SWITCH, False)
    return float(getattr(config, _FACTOR, 0.0)) if on else 0.0


def router_faults(recipe: Recipe, config: PreTrainedConfig, added: bool) -> list[Fault]:
    """A fault where the router's loss is asked for and would not act: the task does not have it
    `added`, the model computes none, or its last stage does not see the other layers' routers.
    """
    if not getattr(config, _SWITCH, False):
        return []
    if not added or not hasattr(config, _FACTOR):
        whose = config.model_type if added else f"task.kind {recipe.task.kind}"
        return [
            fault(recipe, KEY, f"true for {whose}", "false: no loss of a router is added there")
        ]
    stages = recipe.parallel.pipeline.stages
    if stages > 1:
        allowed = "1 stage, or false: the last stage has not the other layers' routers"
        return [fault(recipe, KEY, f"true on {stages} stages", allowed)]
    return []


def router_notes(config: PreTrainedConfig) -> list[str]:
    """A line where a model has a router whose loss is off."""
    if not hasattr(config, _FACTOR) or getattr(config, _SWITCH, False):
        return []
    return [f"experts are not balanced by a loss of their router ({KEY}=true adds it)"]
