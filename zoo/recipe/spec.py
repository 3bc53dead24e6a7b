"""What a run is: the sections of a recipe as frozen models; all that is chosen, nothing derived."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from zoo.recipe.spec_compression import CompressionSpec
from zoo.recipe.spec_data import BuiltInData, DataSpec, FilesData, HubData
from zoo.recipe.spec_task import (
    CausalLMSpec,
    CTCSpec,
    ImageClassificationSpec,
    MaskedLMSpec,
    SequenceClassificationSpec,
    TaskSpec,
)
from zoo.recipe.spec_words import Amount, NotNegative, Off, Positive, Rhythm, Spec, Text

__all__ = [
    "BuiltInData",
    "CTCSpec",
    "CausalLMSpec",
    "DataSpec",
    "FilesData",
    "HubData",
    "ImageClassificationSpec",
    "MaskedLMSpec",
    "ModelSpec",
    "OptimizerSpec",
    "ParallelSpec",
    "PipelineSpec",
    "Provenance",
    "Recipe",
    "RunSpec",
    "Scheduler",
    "SequenceClassificationSpec",
    "TaskSpec",
    "TrainedTokenizer",
]


class TrainedTokenizer(Spec):
    """A tokenizer trained on the train splits."""

    train: Literal["bpe", "wordpiece", "unigram"]
    """Which algorithm."""
    vocab_size: Annotated[int, Field(ge=2)]
    """Size of the vocabulary, special tokens included."""
    lowercase: bool = False
    """Lower-case the text first."""


class ModelSpec(Spec):
    """What the exported Hugging Face folder holds, and which of it is trained."""

    name: Text | None = None
    """Hub id or folder (starts with `.`, `/` or `~`): config, weights, tokenizer, processor."""
    revision: Text | None = None
    """Commit, tag or branch of `name`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Without `name` the architecture, `model_type` first; with `name` changes to its config."""
    weights: Text | None = None
    """`random`, hub id, Hugging Face folder or run folder; absent: `name`'s, else random."""
    tokenizer: Text | TrainedTokenizer | None = None
    """`bytes`, `characters`, a name, or one to train; absent: `name`'s."""
    processor: dict[str, Any] = Field(default_factory=dict)
    """Inline preprocessor_config.json: mean, std, sampling_rate, feature_size. No sizes."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    """Attention implementation."""
    freeze: tuple[Text, ...] = ()
    """Patterns of parameters without gradient and optimizer state."""
    batch_norm: Literal["local", "synchronized", "frozen"] = "local"
    """What BatchNorm does; `synchronized` runs on GPUs only."""
    trust_remote_code: bool = False
    """Run code that comes with `name`."""
    parameters: Positive | None = None
    """How many parameters, for `zoo list`."""


class PipelineSpec(Spec):
    """How the layers are dealt out to pipeline stages."""

    stages: Positive = 1
    """How many stages, 1 is no pipeline; stages times `tensor` must divide the processes."""
    balance: Literal["parameters", "layers", "time"] = "parameters"
    """What each stage gets about the same of: parameters, layers, or time as measured."""


class ParallelSpec(Spec):
    """What is split, moved, recomputed or sent; take it away and the mathematics stays."""

    zero: dict[str, Any] = Field(default_factory=lambda: {"stage": 0})
    """DeepSpeed's zero_optimization, word for word."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass."""
    pipeline: PipelineSpec = PipelineSpec()
    """Layers dealt out to stages, through which micro-batches follow one another."""
    tensor: Positive = 1
    """How many ranks share each large matrix; keep them on one machine. 1 cuts none."""
    compression: CompressionSpec | Off = False
    """What data ranks send in place of whole gradients: fewer bits, fewer entries, less often."""


class Scheduler(Spec):
    """A learning-rate schedule as DeepSpeed writes it."""

    type: Text
    """DeepSpeed's five, WarmupMultiStepLR, WarmupStepLR, WarmupInverseSqrtLR, WarmupPolynomialLR,
    WarmupStableDecayLR."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters; numbers of steps may be shares of the run."""


class OptimizerSpec(Spec):
    """Everything about the update; a DeepSpeed `optimizer` section is accepted as it is."""

    type: Text
    """AdamW, Adam, SGD, Lamb, Lion, Adagrad, Muon, OneBitAdam, ZeroOneAdam or OneBitLamb
    (case-insensitive)."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters, as DeepSpeed and torch name them."""
    weight_decay_on: Literal["matrices", "all"] = "matrices"
    """`matrices` decays only parameters of two or more dimensions."""
    groups: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Other parameters by pattern; every match applies, a later one wins key by key."""
    scheduler: Scheduler | None = None
    """Learning-rate schedule; absent or false: constant."""
    gradient_clipping: Amount = 0.0
    """Largest norm of the gradient; 0 clips nothing."""


class RunSpec(Spec):
    """How long, how much at once, which precision, when to look, where to write."""

    steps: Positive | None = None
    """Optimizer steps; either this or `epochs`."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    """Passes over the train split; becomes steps when the data is open."""
    batch: Positive
    """Examples per optimizer step, all ranks together."""
    micro_batch: Positive
    """Examples that a data rank computes at once; the unit that ranks share out."""
    eval_micro_batch: Positive = Field(default_factory=lambda data: data.get("micro_batch", 1))
    """The same in evaluation; `micro_batch` if absent."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of weights and activations in the model; the optimizer's masters are fp32."""
    seed: NotNegative = 0
    """Initial weights, order, masking, dropout and augmentation derive from it."""
    folder: Text | None = None
    """Where the run writes; absent: `runs/<recipe>` in the working directory."""
    log_every: Positive = 10
    """Steps between two rows of metrics.jsonl."""
    eval_every: Rhythm = 0
    """Steps between evaluations, `epoch`, or 0: only at the end."""
    save_every: Rhythm = 1000
    """Steps between checkpoints, `epoch`, or 0: only at the end."""
    keep: Positive = 2
    """Newest checkpoints kept; the best one is kept besides."""
    best_metric: Text | None = None
    """Score that decides which is best; absent: the task's headline on the first valid set."""
    export: Literal["last", "best"] = "last"
    """Which checkpoint becomes the exported folder."""
    report_to: tuple[Literal["tensorboard"], ...] = ("tensorboard",)
    """Where else metrics go; metrics.jsonl is always written."""


@dataclass(frozen=True)
class Drop:
    """A value that fell away because a discriminator changed."""

    key: tuple[str, ...]
    value: Any
    origin: str
    because: str


@dataclass(frozen=True)
class Provenance:
    """Where each value of a recipe came from; two provenances always count as equal."""

    name: str = field(default="recipe", compare=False)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False)
    drops: tuple[Drop, ...] = field(default=(), compare=False)
    fragments: dict[str, str] = field(default_factory=dict, compare=False)


class Recipe(Spec):
    """One training run: task, model, data, parallel, optimizer and run."""

    schema_: Any = Field(default=None, alias="$schema")
    """For editors; any value."""
    description: str | None = None
    """What this is; published source of the numbers."""
    task: TaskSpec
    """How an example becomes tensors, a loss and a score."""
    model: ModelSpec
    """What the exported Hugging Face folder holds, and which of it is trained."""
    data: DataSpec
    """What lies on the disk."""
    parallel: ParallelSpec = ParallelSpec()
    """What is split, moved, recomputed or sent."""
    optimizer: OptimizerSpec
    """Everything about the update."""
    run: RunSpec
    """How long, how much at once, which precision, when to look, where to write."""

    _provenance: Provenance = PrivateAttr(default_factory=Provenance)

    @property
    def name(self) -> str:
        """Stem of the recipe's file, `-tiny` added for its twin: the run's name."""
        return self._provenance.name

    @property
    def provenance(self) -> Provenance:
        """Where each value came from."""
        return self._provenance
