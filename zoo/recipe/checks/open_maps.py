"""Ring 1, second half: the open maps, whose words are DeepSpeed's, torch's and transformers'."""

from typing import Any

from zoo.errors import Fault, near
from zoo.recipe.checks.keys import RULED_BY_ANOTHER, UNKNOWN, Origin, unknown
from zoo.recipe.checks.nodes import fits, near_value, words, words_for
from zoo.recipe.compose.json_text import brief
from zoo.recipe.provenance import Key
from zoo.recipe.spec.sections import NULL_IS_A_VALUE
from zoo.recipe.vocabulary.optimizers import ELSEWHERE, OPTIMIZERS, canonical
from zoo.recipe.vocabulary.parameters import Node, Parameters
from zoo.recipe.vocabulary.roles import ROLES
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.recipe.vocabulary.tables import table


def map_faults(data: dict[str, Any], origin: Origin) -> list[Fault]:
    """Everything that is wrong inside the open maps; objects of a wrong type are left to others."""
    model = _object(data.get("model"))
    optimizer = _object(data.get("optimizer"))
    zero = _object(_object(data.get("parallel")).get("zero"))
    return [
        *_missing_values(data, (), origin),
        *_config_faults(model, origin),
        *_processor_faults(model, origin),
        *_node_faults(zero, table("zero"), ("parallel", "zero"), origin),
        *_optimizer_faults(optimizer, origin),
        *_scheduler_faults(optimizer, origin),
        *_column_faults(_object(data.get("data")), ("data",), origin),
        *(
            fault
            for name, part in _object(_object(data.get("data")).get("parts")).items()
            for fault in _column_faults(
                _object(_object(part).get("data")), ("data", "parts", name, "data"), origin
            )
        ),
    ]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _missing_values(value: Any, path: Key, origin: Origin) -> list[Fault]:
    """`null` and DeepSpeed's "auto", which no key of a recipe takes."""
    if path in (*NULL_IS_A_VALUE, ("data", "labels"), ("description",)):
        return []  # other people's vocabulary, where both may mean something
    if path[:3] == ("parallel", "zero", "zenflow"):
        return []
    if isinstance(value, dict):
        return [
            one
            for name, part in value.items()
            for one in _missing_values(part, (*path, name), origin)
        ]
    key = ".".join(path)
    if value is None:
        allowed = "a value, or leaving the key out; off is 0 or false"
        return [Fault(origin(path), key, "null", allowed)]
    if value == "auto" and path[0] in ("parallel", "optimizer", "run"):
        return [Fault(origin(path), key, '"auto"', "a value: nothing is filled in from elsewhere")]
    return []


def _config_faults(model: dict[str, Any], origin: Origin) -> list[Fault]:
    config = _object(model.get("config"))
    path = ("model", "config")
    types = table("model")["types"]
    kind = config.get("model_type")
    if model.get("trust_remote_code") is True and isinstance(kind, str | None):
        return []
    if kind is None:
        if config and "name" not in model:
            allowed = "the architecture, as transformers' model_type (required without model.name)"
            return [Fault(origin(path), "model.config.model_type", "nothing", allowed)]
        everything = {key for one in types.values() for key in one["keys"]}
        return _config_keys(config, sorted(everything), {}, path, origin)
    if not isinstance(kind, str):
        return [_unknown_kind(origin, (*path, "model_type"), kind)]
    if kind not in types:
        return []  # perhaps of a newer transformers: `notes` says so, ring 2 decides
    rest = {name: value for name, value in config.items() if name != "model_type"}
    return _config_keys(rest, types[kind]["keys"], types[kind].get("nested", {}), path, origin)


def _config_keys(
    config: dict[str, Any], keys: list[str], nested: dict[str, str], path: Key, origin: Origin
) -> list[Fault]:
    allowed = [*keys, *table("model")["common"]]
    faults = [
        _unknown_config(origin, (*path, key), allowed) for key in config if key not in allowed
    ]
    for key, kind in nested.items():
        inner = _object(config.get(key))
        inner_kind = inner.get("model_type", kind)
        entry = table("model")["types"].get(str(inner_kind))
        if not isinstance(inner_kind, str | None):
            faults.append(_unknown_kind(origin, (*path, key, "model_type"), inner_kind))
        if entry is not None:
            known = [*entry["keys"], "model_type"]
            faults += _config_keys(inner, known, entry.get("nested", {}), (*path, key), origin)
    return faults


def _unknown_kind(origin: Origin, key: Key, kind: Any) -> Fault:
    allowed = "a model_type of transformers with text, image or CTC heads"
    return Fault(origin(key), ".".join(key), brief(kind), allowed)


def _unknown_config(origin: Origin, key: Key, allowed: list[str]) -> Fault:
    say = f"a key of its config class ({len(allowed)} of them)"
    return Fault(origin(key), ".".join(key), UNKNOWN, say, near(key[-1], allowed))


def _processor_faults(model: dict[str, Any], origin: Origin) -> list[Fault]:
    processor = _object(model.get("processor"))
    path = ("model", "processor")
    rest = {key: value for key, value in processor.items() if key not in ("size", "crop_size")}
    sizes = [
        Fault(
            origin((*path, key)),
            f"model.processor.{key}",
            RULED_BY_ANOTHER,
            "task.image_size and task.crop_ratio",
            "task.image_size",
        )
        for key in processor
        if key not in rest
    ]
    return sizes + _node_faults(rest, table("processor"), path, origin)


def _node_faults(
    values: dict[str, Any], nodes: dict[str, Node], path: Key, origin: Origin
) -> list[Fault]:
    faults = []
    for name, value in values.items():
        key = (*path, name)
        node = nodes.get(name)
        if node is None:
            faults.append(unknown(origin(key), key, list(nodes)))
        elif "properties" in node and isinstance(value, dict):
            faults += _node_faults(value, node["properties"], key, origin)
        elif value is not None and value != "auto" and not fits(node, value):
            spelled = near_value(value, node)
            allowed = words_for(value, node)
            faults.append(Fault(origin(key), ".".join(key), brief(value), allowed, spelled))
    return faults


def _optimizer_faults(optimizer: dict[str, Any], origin: Origin) -> list[Fault]:
    name = optimizer.get("type")
    if not isinstance(name, str):
        return []
    entry = OPTIMIZERS.get(canonical(name))
    if entry is None:
        return [_unknown_optimizer(name, origin)]
    path = ("optimizer", "params")
    faults = _parameter_faults(_object(optimizer.get("params")), entry.parameters, path, origin)
    in_groups = {key: one for key, one in entry.parameters.items() if one.per_group}
    for pattern, changes in _object(optimizer.get("groups")).items():
        key = ("optimizer", "groups", pattern)
        faults += _parameter_faults(_object(changes), in_groups, key, origin)
    return faults


def _unknown_optimizer(name: str, origin: Origin) -> Fault:
    allowed = ", ".join(OPTIMIZERS)
    entries = {known.casefold(): entry for known, entry in ELSEWHERE.items()}
    note, nearest = entries.get(name.casefold(), ("", near(name, list(OPTIMIZERS))))
    found = f"{brief(name)} ({note})" if note else brief(name)
    return Fault(origin(("optimizer", "type")), "optimizer.type", found, allowed, nearest)


def _scheduler_faults(optimizer: dict[str, Any], origin: Origin) -> list[Fault]:
    scheduler = _object(optimizer.get("scheduler"))
    name = scheduler.get("type")
    path = ("optimizer", "scheduler")
    if not isinstance(name, str):
        return []
    if name not in SCHEDULERS:
        key = (*path, "type")
        nearest = near(name, list(SCHEDULERS))
        return [Fault(origin(key), ".".join(key), brief(name), ", ".join(SCHEDULERS), nearest)]
    params = _object(scheduler.get("params"))
    parameters = SCHEDULERS[name].parameters
    faults = _parameter_faults(params, parameters, (*path, "params"), origin)
    for needed, one in parameters.items():
        if one.required and needed not in params:
            allowed = f"{words(one.node)} (required by {name})"
            dotted = f"optimizer.scheduler.params.{needed}"
            faults.append(Fault(origin((*path, "type")), dotted, "nothing", allowed))
    return faults


def _parameter_faults(
    values: dict[str, Any], parameters: Parameters, path: Key, origin: Origin
) -> list[Fault]:
    nodes = {name: parameter.node for name, parameter in parameters.items()}
    rest = {name: value for name, value in values.items() if name != "max_grad_norm"}
    faults = _node_faults(rest, nodes, path, origin)
    if len(rest) < len(values):
        clipping, key = "optimizer.gradient_clipping", (*path, "max_grad_norm")
        ruled = Fault(origin(key), ".".join(key), RULED_BY_ANOTHER, clipping, clipping)
        faults.append(ruled)
    return faults


def _column_faults(data: dict[str, Any], at: Key, origin: Origin) -> list[Fault]:
    """Columns of roles that no task reads."""
    path = (*at, "columns")
    strays = [role for role in _object(data.get("columns")) if role not in ROLES]
    return [unknown(origin((*path, role)), (*path, role), list(ROLES)) for role in strays]
