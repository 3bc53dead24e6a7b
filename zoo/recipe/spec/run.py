"""The section `run`: how long, how much at once, which precision, when to look, where to write."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.words import (
    Folder,
    MeanOf,
    NotNegative,
    Of,
    Passes,
    Positive,
    Range,
    Rhythm,
    Seed,
    Spec,
    Text,
)

Unit = Literal["examples", "tokens", "seconds", "frames"]
IN_UNITS = Of("examples, or what run.batch_unit says")
Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio", "csv"]


class Band(Spec):
    """Where a score is expected; an end that is left out is open."""

    min: float | None = None
    """The smallest."""
    max: float | None = None
    """The largest."""


class RunSpec(Spec):
    """How long, how much at once, which precision, when to look, where to write."""

    steps: Annotated[Positive, Of("steps")] | None = None
    """Optimizer steps; either this or `epochs`."""
    epochs: Passes | None = None
    """Passes over the train split; becomes steps when the data is open."""
    batch: Annotated[Positive, IN_UNITS]
    """Examples (or `batch_unit`) per optimizer step, all ranks together."""
    micro_batch: Annotated[Positive, IN_UNITS]
    """Examples (or `batch_unit`) that a data rank computes at once; what ranks share out."""
    eval_micro_batch: Annotated[Positive, IN_UNITS] = Field(
        default_factory=lambda data: data.get("micro_batch", 1)
    )
    """The same in evaluation; `micro_batch` if absent."""
    batch_unit: Unit = "examples"
    """What `batch`, `micro_batch` and `eval_micro_batch` count. Of tokens, seconds of audio (at the
    slowest speed and with all silence of `task.augment`) or log-mel frames a micro-batch has as
    many examples, of like length, as fit with their padding, of preferences with both answers; each
    stands once in an epoch."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of weights and activations in the model; the optimizer's masters are fp32. `fp32` is IEEE's
    on every device, without TF32."""
    seed: Seed = 0
    """Initial weights, order, masking, dropout and augmentation derive from it."""
    folder: Folder | None = None
    """Where the run writes; absent: `runs/<recipe>` in the working directory."""
    log_every: Annotated[Positive, Of("steps")] = 10
    """Steps between two rows of metrics.jsonl."""
    eval_every: Rhythm = 0
    """Steps between evaluations, `epoch`, or 0: only at the end."""
    save_every: Rhythm = 1000
    """Steps between checkpoints, `epoch`, or 0: only at the end."""
    keep: Annotated[Positive, Of("checkpoints")] = 2
    """Newest checkpoints kept; the best one is kept besides."""
    best_metric: Text | None = None
    """Score that decides which is best; absent: the task's headline on the first valid set."""
    patience: Annotated[Positive, Of("evaluations")] | None = None
    """Evaluations in a row without a better score after which the run ends; absent: it does not."""
    expected: dict[Text, Range | Band] = Field(default_factory=dict)
    """Where scores of the exported model should lie, by their names in metrics.jsonl; the end of
    the run says whether they do. A word for a whole `task`, `model` or `data` takes it away."""
    export: Literal["last", "best"] | MeanOf = "last"
    """Which checkpoint becomes the exported folder; `average-5`: the mean weights of the newest
    five that are kept (of an adapter the means of its two factors)."""
    export_merged: bool = False
    """With `model.lora`: export the base with the adapter added in, as a plain model."""
    examples: Annotated[NotNegative, Of("examples")] = 8
    """Rows of the validation sets, of each alike, that the exported model is asked about at the end
    of the run, for report.html; 0: none."""
    report_to: tuple[Tracker, ...] | None = None
    """Trackers that get the metrics, by names; absent: tensorboard, where it is installed.
    metrics.jsonl is always written. Their own environment variables hold: WANDB_MODE=offline,
    MLFLOW_TRACKING_URI, TRACKIO_SPACE_ID and the like."""
    project: Text | None = None
    """What trackers gather runs under: the project of wandb and trackio, mlflow's experiment;
    absent: what WANDB_PROJECT and the like say, else `zoo`."""
    tags: tuple[Text, ...] = ()
    """Tags for trackers and the model card, beside the kind of task."""
