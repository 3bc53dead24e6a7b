"""Scores a run's newest checkpoint or an exported folder, in one process or many."""

import json
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from zoo.data.rows import Rows
from zoo.data.samples import drawn
from zoo.engines.build import build_engine
from zoo.engines.engine import Engine
from zoo.errors import ConfigError, Fault
from zoo.layout import Place
from zoo.models.adapters.place import OnBase
from zoo.models.config import described_at
from zoo.models.fill import Weights
from zoo.models.upstream import cpu_computes_fp16
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.compose.catalog import RECIPE
from zoo.recipe.compose.nearby import no_run
from zoo.recipe.derived.anywhere import anywhere
from zoo.recipe.spec.sections import TRUST
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.labels import names_by_id
from zoo.tasks.text.kept import kept_tokenizer, made_from_texts
from zoo.training.checks import Checked, ring_two
from zoo.training.described import SOURCE
from zoo.training.disk.averaged import reader_of
from zoo.training.disk.weights import base_files, open_adapter, open_weights
from zoo.training.export import export, refuse_foreign
from zoo.training.feeding.asking import ask_reference, unknown
from zoo.training.feeding.batches import valid_sets
from zoo.training.feeding.crew import crew_of
from zoo.training.feeding.reference import referred
from zoo.training.folder import RunFolder
from zoo.training.run import sample_batch
from zoo.training.scoring import score_set
from zoo.training.starting import fitting
from zoo.training.world import Here, StopSignals, device_of, world

CONFIG = "config.json"
ELSEWHERE = (
    "run.best_metric",
    "run.expected",
    "run.patience",
    "run.report_to",
    "optimizer.state",
)
"""What speaks of the sets that the run scored, where another may be scored now, of a run that may
be gone, and of trackers that need not be here.
"""


def load_from(folder: Path, changes: Sequence[str], processes: int = 1) -> Recipe:
    """The recipe that a run or an exported folder carries, with its own tokenizer and labels.

    `changes` are the user's; those that the scoring of it in so many processes needs come first.

    Raises ConfigError where there is no recipe.json.
    """
    if not (folder / RECIPE).is_file():
        raise ConfigError([no_run(folder)])
    places = [Path(described_at(str(one))) for one in (folder, folder / "model")]
    exported = next((one for one in places if (one / CONFIG).is_file()), None)
    trusted = [word for word in changes if word.startswith(f"{TRUST}=")]
    plain = load_recipe(folder / RECIPE, trusted)
    own = plain.model.tokenizer is None  # the name's, which comes with several ends and the like
    kept = None if own else kept_tokenizer(folder)
    words = [*whole(processes), *(f"{key}=unset" for key in ELSEWHERE)]
    if (folder / CONFIG).is_file() and plain.model.lora:
        words += ["model.lora=unset", "run.export_merged=unset"]  # it was added in
    words += [] if kept is None else [f"model.tokenizer={kept.absolute()}"]
    labels = RunFolder(folder).origin().get("labels") or labels_of(exported)
    if labels and kind_of(plain.task).classes:
        words.append(f"data.labels={json.dumps(labels)}")
    return load_recipe(folder / RECIPE, changes, first=words)


def labels_of(exported: Path | None) -> list[str]:
    """The class names of an exported model in id order; nothing where nothing was exported."""
    if exported is None:
        return []
    return names_by_id(json.loads((exported / CONFIG).read_text(encoding="utf-8")))


def learns_nothing(recipe: Recipe) -> bool:
    """Whether neither a tokenizer nor class names are made from the train rows any more, so that
    they need not be there.
    """
    named = bool(recipe.data.labels) or not kind_of(recipe.task).classes
    return named and not made_from_texts(recipe)


def whole(processes: int) -> list[str]:
    """Changes that let one process score or export what many stages or tensor ranks trained."""
    return ["parallel.pipeline.stages=1", "parallel.tensor=1"] if processes == 1 else []


def computable(recipe: Recipe) -> Recipe:
    """The recipe as a CPU can score it: fp16 in fp32 where it does not compute in that."""
    plain = anywhere(recipe)
    if plain.run.precision != "fp16" or cpu_computes_fp16():
        return plain
    run = plain.run.model_copy(update={"precision": "fp32"})
    return plain.model_copy(update={"run": run})


def evaluate(
    folder: Path, split: str, changes: Sequence[str] = (), any_base: bool = False
) -> dict[str, float]:
    """The scores of every set of a split (`valid` or `test`): `<set>/<score>`; every rank calls it.

    Raises ConfigError where the recipe has no such split, and where an adapter was trained on
    another base than that of now, unless `any_base` will do.
    """
    place = Place.from_environment()
    recipe = load_from(folder, changes, place.world)
    device = device_of(place).type
    recipe = computable(recipe) if device == "cpu" else recipe
    opened = partial(ring_two, recipe, place.world, device, with_train=not learns_nothing(recipe))
    checked = opened(any_base=True)  # what is scored has a base of its own, if any
    sets = checked.source.valid if split == "valid" else checked.source.test
    if not sets:
        raise ConfigError(
            [Fault(f"{folder}/{RECIPE}", f"data.{split}", "nothing", "a split to score")]
        )
    most = recipe.data.max_valid_examples if split == "valid" else None
    seed = recipe.data.split_seed
    rows = {
        name: referred(recipe, checked, drawn(checked.task.rows(part), most, seed))
        for name, part in sets.items()
    }
    found = weights_at(folder, recipe, checked, any_base)
    weights, _ = fitting(checked.model, found, str(folder), "weights")
    with crew_of(recipe, checked, None, rows, place) as crew, world(place) as here:
        if unknown(here, rows.values()):  # by a model of its own, from the weights of the start
            first = opened(any_base=any_base)
            asked = scoring_engine(recipe, first, first.weights, here, rows)
            ask_reference(recipe, first, asked, here, rows.values())
            asked.close()
        engine = scoring_engine(recipe, checked, weights, here, rows)
        scores: dict[str, float] = {}
        for name, one in valid_sets(recipe, checked, rows, here, crew.valid).items():
            own = score_set(engine, checked.task, one, here, StopSignals())  # heeds none
            scores |= {f"{name}/{key}": value for key, value in own.items()}
        engine.close()
    return scores


def weights_at(folder: Path, recipe: Recipe, checked: Checked, any_base: bool) -> Weights:
    """What is scored: of an adapter its own tensors, on the base that the recipe says."""
    read = partial(reader_of, recipe)
    adapter = open_adapter(str(folder), None, read) if recipe.model.lora else None
    if adapter is None:
        return open_weights(checked.model, str(folder), None, read, any_base)
    if not any_base:
        adapter.refuse_other(base_files(recipe))
    return OnBase(adapter.weights, checked.weights)


def scoring_engine(
    recipe: Recipe, checked: Checked, weights: Weights, here: Here, rows: Mapping[str, Rows]
) -> Engine:
    """An engine around the model with these weights, which takes no step."""
    return build_engine(
        recipe,
        checked.layout,
        here.place,
        checked.task,
        checked.model,
        weights,
        here.device,
        steps=1,
        sample=lambda: sample_batch(recipe, checked.task, next(iter(rows.values()))),
    )


def is_exported(folder: Path) -> bool:
    """Whether a folder is one that an export wrote, and no run's."""
    return (folder / SOURCE).is_file()


def export_folder(
    folder: Path, out: Path | None, trusted: bool = False, average: int | None = None,
    any_base: bool = False, merged: bool = False,
) -> Path:  # fmt: skip
    """`zoo export`: writes a run's checkpoint as a Hugging Face folder; one process.

    `trusted`: the user lets code run that comes with the model. `average`: the mean of so many
    checkpoints, in place of what `run.export` says. `any_base`: an adapter is exported on its base
    as that is now, whatever it was trained on. `merged`: it is added into its base.

    Raises ConfigError for `merged` of a run without an adapter, and as zoo.training.export does.
    """
    if out is not None:
        refuse_foreign(out)
    words = [f"{TRUST}=true"] if trusted else []
    words += [] if average is None else [f"run.export=average-{average}"]
    recipe = load_from(folder, words)
    if merged:
        if recipe.model.lora is None:
            found, allowed = (
                "a model without an adapter",
                "export without it, or a run of an adapter",
            )
            way = shlex.join(("zoo", "export", str(folder)))
            raise ConfigError([Fault("command line", "--merged", found, allowed, way)])
        recipe = load_from(folder, [*words, "run.export_merged=true"])
    checked = ring_two(recipe, 1, None, with_train=not learns_nothing(recipe), any_base=True)
    run = RunFolder(folder.absolute())
    return export(run, recipe, checked.task, checked.source, out, any_base)
