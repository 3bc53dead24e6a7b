"""The second ring of checks: files, the model's config, the device and the number of processes."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from transformers import PreTrainedModel

from zoo.data.cache import cache_root
from zoo.data.filtering.told import said_of_filters
from zoo.data.source import Source, open_source
from zoo.data.sources.listing.kept import forget
from zoo.engines.transforms import meta_model
from zoo.engines.update.optimizer import parameter_groups
from zoo.errors import ConfigError, Fault, collected
from zoo.launching.conflicts import launcher_conflicts
from zoo.layout import Layout
from zoo.models.adapters.inject import base_faults
from zoo.models.adapters.quantised import nothing_to_pack
from zoo.models.balance import trained_positions
from zoo.models.config import family_config, key_in, usual
from zoo.models.families import family_of, refusals
from zoo.models.fill import NoWeights, Weights
from zoo.models.stage import layer_names
from zoo.models.tensor import tensor_faults
from zoo.models.upstream import cpu_computes_fp16, tied_names
from zoo.recipe import Recipe, origin
from zoo.recipe.derived.adapter import in_4_bits
from zoo.recipe.derived.anywhere import anywhere
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.recipe.derived.exchange import compression_kind
from zoo.recipe.instead import as_others_say
from zoo.recipe.spec.data import MixtureData
from zoo.tasks.build import build_task
from zoo.tasks.labels import in_checkpoints_order
from zoo.tasks.targets import checked_targets
from zoo.tasks.task import Task
from zoo.tasks.text.counting import counter_of_tokens
from zoo.training.logs.followers import tracker_faults
from zoo.training.reader import Reader
from zoo.training.starting import starting_moments, starting_weights


@dataclass(frozen=True)
class Checked:
    """What the second ring opened on its way; `model` is on meta."""

    layout: Layout
    source: Source
    task: Task
    model: PreTrainedModel
    weights: Weights
    notes: list[str]
    moments: Reader | None = None
    """Another run's, from which the optimizer starts."""

    def parameters(self, trained: bool = False) -> int:
        """How many parameters the whole model has, or how many of them are trained."""
        every = self.model.parameters()
        return sum(one.numel() for one in every if one.requires_grad or not trained)


def look_anew(recipe: Recipe) -> None:
    """Lets folders of many files be listed again, whatever is known of them."""
    forget(cache_root(recipe.data))


def ring_two(
    recipe: Recipe,
    processes: int,
    device: str | None = "cpu",
    environment: Mapping[str, str] = os.environ,
    with_train: bool = True,
    any_base: bool = False,
) -> Checked:
    """Opens data, task and model without a process group; raises a ConfigError with every fault.

    `device` None: the model is trained elsewhere, and here only prepared, looked at or exported.
    Without `with_train` no train rows are opened. An adapter to start from was trained on the base
    that it stands on now, unless `any_base` will do.
    """
    faults: list[Fault] = []
    recipe = anywhere(recipe) if device is None else recipe
    layout = Layout.of(data=processes)
    with collected(faults):
        stages, tensor = recipe.parallel.pipeline.stages, recipe.parallel.tensor
        layout = Layout.fit(processes, pipe=stages, tensor=tensor)
        faults += launcher_conflicts(recipe, deepspeed_config(recipe, layout), environment)
    faults += device_faults(recipe, device) + tracker_faults(recipe, environment) if device else []
    task: Task | None = None
    said: list[str] = []
    with collected(faults):
        source, said = opened(recipe, with_train)
        task = build_task(recipe, source)
    if task is None:
        raise ConfigError(faults)
    weights: Weights = NoWeights()
    moments, notes = None, list[str]()
    with collected(faults):
        model = build_meta(recipe, task)
        with collected(faults):
            parameter_groups(recipe, model)
        faults += cut_faults(recipe, model)
        with collected(faults):
            moments = starting_moments(recipe, model)
        weights, notes = starting_weights(recipe, model, task.tokenizer, any_base)
        faults += base_faults(model, recipe, weights) + nothing_to_pack(model, recipe)
    lost, lines = checked_rows(recipe, task, source, layout) if with_train else ([], [])
    if faults := faults + lost:
        raise ConfigError(faults)
    notes = [*said, *task.notes, *notes, *lines]
    return Checked(layout, source, task, model, weights, notes, moments)


def opened(recipe: Recipe, with_train: bool) -> tuple[Source, list[str]]:
    """The rows that the recipe's filter lets stay, and what to say of them."""
    source = open_source(recipe, with_train, counter_of_tokens(recipe))
    source, said = in_checkpoints_order(recipe, source)
    return source, [*said_of_filters(source.left_out), *said]


def checked_rows(
    recipe: Recipe, task: Task, source: Source, layout: Layout
) -> tuple[list[Fault], list[str]]:
    """A fault of too few train rows, or where nearly none has a target; a line on what is lost."""
    lost, lines = checked_targets(recipe, task, source.train)
    return [*batch_faults(recipe, task, len(source.train), layout.data), *lost], lines


def batch_faults(recipe: Recipe, task: Task, count: int, ranks: int) -> list[Fault]:
    """A batch of more than the `count` examples there are, where that is known already; proposed is
    what the data ranks can share.
    """
    run = recipe.run
    counts = not task.makes_rows and run.batch_unit == "examples"
    if not counts or isinstance(recipe.data, MixtureData) or count >= run.batch:
        return []
    key, found = "run.batch", f"a batch of {run.batch} from {count} training examples"
    micro = max(1, min(run.micro_batch, count // ranks))
    words = [f"{key}={max(1, count // (micro * ranks)) * micro * ranks}"]
    words += [f"run.micro_batch={micro}"] if micro < run.micro_batch else []
    return [Fault(origin(recipe, key), key, found, f"at most {count}", " ".join(words))]


REFUSALS = (ValueError, ImportError, LookupError, TypeError, ArithmeticError, AttributeError)
"""What constructors of transformers and torch raise of values in a config that they do not take."""


def build_meta(recipe: Recipe, task: Task) -> PreTrainedModel:
    """The meta model; what transformers refuses of it is a fault of the key that asked for it."""
    try:
        return meta_model(recipe, task)
    except REFUSALS as error:
        key = "parallel.gradient_checkpointing" if "checkpointing" in str(error) else "model"
        if re.search(r"attn_implementation|(?i:attention(?! heads))", str(error)):
            key = "model.attention"
        found = " ".join(str(error).split()) or type(error).__name__
        if key == "model":
            key = key_in(recipe, found) or key
        allowed = "eager" if key == "model.attention" else "what the architecture supports"
        way = usual(recipe, key, family_config(recipe))
        way = {
            "parallel.gradient_checkpointing": f"{key}=false",
            "model.attention": f"{key}=eager",
            "model": as_others_say(recipe, key),
        }.get(key, way)
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed, way)]) from None


def cut_faults(recipe: Recipe, model: PreTrainedModel) -> list[Fault]:
    """What stages and tensor ranks ask of a model that its family cannot give."""
    stages, tensor = recipe.parallel.pipeline.stages, recipe.parallel.tensor
    faults: list[Fault] = []

    def refuse(key: str, found: str, allowed: str) -> None:
        faults.append(Fault(origin(recipe, key), key, found, allowed, f"{key}=1"))

    family, clauses = family_of(model.config), refusals(model.config)
    degrees = {"parallel.pipeline.stages": stages, "parallel.tensor": tensor}
    for (key, degree), clause in zip(degrees.items(), clauses, strict=True):
        if degree > 1 and clause:
            refuse(key, f"{degree} for {model.config.model_type}, {clause}", "1")
    if family is None or faults:
        return faults
    if not layer_names(model, family):  # Llama's head for questions, whose base has another name
        for key, degree in degrees.items():
            if degree > 1:
                refuse(key, f"{degree} for {type(model).__name__}, which names layers apart", "1")
        return faults
    kind = compression_kind(recipe)
    if kind and stages > 1 and tied_names(model):
        found = f"{kind} with tied weights on {stages} stages"
        key, allowed = "parallel.compression", "false: copies would receive different means"
        faults.append(Fault(origin(recipe, key), key, found, allowed, f"{key}=false"))
    positions = trained_positions(model, family)
    if stages > len(positions):
        found = f"{stages} for {len(positions) - 2} layers, embedding and head"
        refuse("parallel.pipeline.stages", found, f"at most {len(positions)}")
    elif stages > sum(positions):
        found = f"{stages}, with something to train in {sum(positions)} of layers, embedding, head"
        refuse("parallel.pipeline.stages", found, f"at most {sum(positions)}")
    if tensor > 1:
        for found, allowed in tensor_faults(model, family, tensor):
            refuse("parallel.tensor", found, allowed)
    return faults


def device_faults(recipe: Recipe, device: str) -> list[Fault]:
    """What the recipe asks of a device that this one has not."""
    faults: list[Fault] = []

    def refuse(key: str, found: str, allowed: str) -> None:
        way = f"{key}={allowed.partition(',')[0]}"
        faults.append(Fault(origin(recipe, key), key, found, allowed, way))

    if device == "cpu":
        if recipe.run.precision == "fp16" and not cpu_computes_fp16():
            refuse("run.precision", "fp16 on a CPU without fp16", "fp32, bf16")
        if recipe.model.batch_norm == "synchronized":
            refuse("model.batch_norm", "synchronized on a CPU", "local, frozen")
    if recipe.model.attention == "flash_attention_2" and not (
        device == "cuda" and find_spec("flash_attn")
    ):
        refuse(
            "model.attention",
            "flash_attention_2, which is not installed for this device",
            "sdpa, eager",
        )
    if in_4_bits(recipe) and not find_spec("bitsandbytes"):
        refuse(
            "model.lora.bnb_4bit",
            "a base in 4 bits, and bitsandbytes is not installed",
            "unset, or: pip install 'zoo[quantization]'",
        )
    return faults
