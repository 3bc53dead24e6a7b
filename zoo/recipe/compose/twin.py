"""What `--tiny` lays over a recipe: a model and data for a CPU, and the rates that go with them."""

from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault, near
from zoo.recipe.compose.catalog import fragment, fragments, is_shipped, shown
from zoo.recipe.compose.fragments import PARTS, lay_section
from zoo.recipe.compose.json_text import brief, read_object
from zoo.recipe.compose.merge import Composition
from zoo.recipe.provenance import TYPED, Key
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS, canonical
from zoo.recipe.vocabulary.parameters import counts

RATES = ("lr", "betas", "weight_decay", "max_coeff", "min_coeff")
"""What suits a model and its batch, and not the twin: LAMB's bounds of a layer's rate too."""
BEGIN = 0.2
"""The share of a twin's steps before compression, and in which an average warms up."""
OF_DATA = ("box_format", "ignore_label", "reduce_labels", "palette", "lowercase", "min_seconds")
"""Keys of tasks that say how rows are read: they go with the data, not with the twin."""
CUT = {"max_train_examples": 256, "max_valid_examples": 64}
"""What a twin reads at most of a user's own data."""
SHORT = {"steps": 50, "log_every": 10, "eval_every": 50}
"""How long it trains on them."""
_SOURCE = ("data", "source")
_CUTS = "--tiny (your own data, cut small)"


def lay_tiny_model(composition: Composition, roots: tuple[Path, ...]) -> None:
    """Lays the small model over the recipe's; raises ConfigError where there is none."""
    path = ("model", "tiny")
    tiny, origin = composition.get(path), composition.origin(path)
    if not isinstance(tiny, dict):
        found = "a model without `tiny`" if tiny is None else brief(tiny)
        files = {name: fragment("model", name, roots) for name in fragments("model", roots)}
        twins = [name for name, file in files.items() if file and b'"tiny"' in file.read_bytes()]
        named = ", ".join(twins) or "there is none"
        allowed = f"with --tiny, a model fragment that has a `tiny` object: {named}"
        name = str(composition.get(("model", "name"))).rpartition("/")[2]
        meant = near(name, twins) or next(iter(twins), "")
        way = f"model={meant}" if meant else ""
        raise ConfigError(
            [Fault(composition.origin(("model",)), "model.tiny", found, allowed, way)]
        )
    composition.remove(path)
    for name in ("name", "revision", "weights", "parameters"):
        composition.drop(("model", name), "--tiny starts from random weights")
    composition.lay(("model",), tiny, f"{origin} (tiny)")
    if isinstance(composition.get(("model", "lora")), dict):
        said = "--tiny (nobody else has the random weights that the adapter stands on)"
        composition.lay(("run", "export_merged"), True, said)
        composition.drop(("model", "lora", "bnb_4bit"), "--tiny exports the adapter added in")


def lay_tiny_task(composition: Composition, roots: tuple[Path, ...]) -> None:
    """Lays the small sizes of the task's kind, for a word that named a whole task."""
    file = _kinds_file(composition, roots)
    sizes = _said(composition, file).get("task", {})
    if composition.get(_SOURCE) != "built-in":
        sizes = _without(sizes, OF_DATA)
    lay_section(composition, "task", sizes, (shown(file), file.parent), roots)


def lay_tiny_data(composition: Composition, roots: tuple[Path, ...]) -> None:
    """Cuts data that a word named in the place of the twin's; their rows are read as the recipe
    says, and single keys that were typed stay.
    """
    if all(source in (None, "built-in") for source in _sources(composition).values()):
        return
    of_twin = shown(_kinds_file(composition, roots))
    for key in (("task", name) for name in OF_DATA):
        if composition.origins.get(key) == of_twin:
            said = [one for one in composition.before.get(key, ()) if one.origin != of_twin]
            composition.take(key)
            if said:
                composition.lay(key, said[-1].value, said[-1].origin)
    _cut(composition)


def _kinds_file(composition: Composition, roots: tuple[Path, ...]) -> Path:
    """The file of the task's kind; ConfigError if the kind has no twin."""
    kind = composition.get(("task", "kind"))
    file = fragment("tiny", kind, roots) if isinstance(kind, str) else None
    if file is None:
        allowed = f"with --tiny, one of {', '.join(fragments('tiny', roots))}"
        origin = composition.origin(("task", "kind"))
        raise ConfigError([Fault(origin, "task.kind", brief(kind), allowed)])
    return file


def _said(composition: Composition, file: Path) -> dict[str, Any]:
    """What the file of a kind says; of its sections those under `chats` for a recipe that names a
    chat template.
    """
    content = read_object(file)
    chats = content.pop("chats", {})
    if composition.get(("model", "chat_template")) is None:
        return content
    return {**content, **chats}


def lay_tiny_kind(composition: Composition, roots: tuple[Path, ...]) -> None:
    """Lays data, rates and lengths of the task's kind; what compresses stays what it is.

    A user's own data stay as well: less of them is read, for fewer steps.
    """
    file = _kinds_file(composition, roots)
    kinds = {
        name: value
        for name, value in _said(composition, file).items()
        if name not in ("$schema", "description")
    }
    composition.drop(("optimizer", "state"), "--tiny starts from random weights")
    composition.drop(("run", "expected"), "--tiny is another model, on other data")
    composition.drop(("run", "patience"), "--tiny trains to its end")
    composition.drop(("optimizer", "groups"), "--tiny has one set of rates, which suit its model")
    if own := _is_own(composition):
        kinds.pop("data", None)
        kinds["task"] = _without(kinds.get("task", {}), OF_DATA)
        kinds["run"] = _without(kinds.get("run", {}), ("best_metric",))
    else:
        composition.drop(("run", "best_metric"), "--tiny scores one set of its own")
    chosen = canonical(str(composition.get(("optimizer", "type"))))
    params = composition.get(("optimizer", "params"))
    params = params if isinstance(params, dict) else {}
    for section, value in kinds.items():
        lay_section(composition, section, value, (shown(file), file.parent), roots)
    if own:
        _cut(composition)
    if isinstance(composition.get(("optimizer", "ema")), dict):
        path = ("optimizer", "ema", "warmup_steps")
        composition.lay(path, BEGIN, "--tiny (the average follows a short run)")
    entry = OPTIMIZERS.get(chosen)
    if entry is not None and entry.averages_itself:
        _keep_optimizer(composition, chosen, params)
    elif composition.get(("parallel", "compression")):
        _keep_compressor(composition, chosen, params)


def _is_own(composition: Composition) -> bool:
    """Whether the data are the user's: no shipped file says where any of them come from."""
    found = _sources(composition)
    shipped = any(is_shipped(Path(composition.origin(key))) for key in found)
    return not shipped and any(source not in (None, "built-in") for source in found.values())


def _sources(composition: Composition) -> dict[Key, Any]:
    """What each section of data says of where its rows come from, by its key."""
    keys = [(*PARTS, name, *_SOURCE) for name in _parts(composition)] or [_SOURCE]
    return {key: composition.get(key) for key in keys}


def _parts(composition: Composition) -> list[str]:
    parts = composition.get(PARTS)
    return list(parts) if isinstance(parts, dict) else []


def _cut(composition: Composition) -> None:
    """Less of the user's own data, fewer steps, and a folder beside that of the whole run."""
    parts: list[Key] = [(*PARTS, name, "data") for name in _parts(composition)]
    if parts:  # of a small part more than a few epochs are read
        _lay_untyped(composition, ("data", "max_epochs"), False)
    sets: list[Key] = parts or [("data",)]
    for at in sets:
        _lay_less(composition, at, "max_train_examples")
    _lay_less(composition, ("data",), "max_valid_examples")
    for key, value in SHORT.items():
        if key != "steps" or not _is_typed(composition, ("run", "epochs")):
            _lay_untyped(composition, ("run", key), value)
    if not any(composition.get((*at, "valid")) for at in sets):
        for key in ("eval_every", "eval_micro_batch", "best_metric"):
            if not _is_typed(composition, ("run", key)):
                composition.drop(("run", key), "there is no set to score")
    folder = composition.get(("run", "folder"))
    if isinstance(folder, str) and composition.origin(("run", "folder")) != _CUTS:
        _lay_untyped(composition, ("run", "folder"), f"{folder}-tiny")


def _lay_less(composition: Composition, at: Key, key: str) -> None:
    """At most so many examples; fewer where the user reads fewer himself."""
    said = composition.get((*at, key))
    if isinstance(composition.get(at), dict) and (not isinstance(said, int) or said > CUT[key]):
        _lay_untyped(composition, (*at, key), CUT[key])


def _lay_untyped(composition: Composition, path: Key, value: Any) -> None:
    """Lays a cut, but not over what was typed for this key."""
    if not _is_typed(composition, path):
        composition.lay(path, value, _CUTS)


def _is_typed(composition: Composition, path: Key) -> bool:
    return composition.origins.get(path, "").startswith(TYPED)


def _without(section: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name not in keys}


def _keep_optimizer(composition: Composition, chosen: str, params: dict[str, Any]) -> None:
    """The optimizer that the recipe is about, with a twin's own rates."""
    own = composition.get(("optimizer", "params"))
    own = own if isinstance(own, dict) else {}
    rates = {name: own[name] for name in RATES if name in own}
    kept = {name: value for name, value in params.items() if name not in RATES}
    freezes = dict.fromkeys(counts(OPTIMIZERS[chosen].parameters), BEGIN)
    changes = {"type": chosen, "params": kept | rates | freezes}
    composition.lay(("optimizer",), changes, "--tiny (the optimizer stays)")


def _keep_compressor(composition: Composition, chosen: str, params: dict[str, Any]) -> None:
    """Compression from a fifth of the twin's steps on, of the momentum where the recipe has one."""
    path = ("parallel", "compression", "start")
    if composition.get(path):
        composition.lay(path, BEGIN, "--tiny (compression stays)")
    entry = OPTIMIZERS.get(chosen)
    if entry is not None and entry.momentum_may_move:
        changes = {"type": chosen, "params": params}
        composition.lay(("optimizer",), changes, "--tiny (compression stays)")
