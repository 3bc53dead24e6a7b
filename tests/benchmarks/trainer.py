"""The zoo against Hugging Face's Trainer: one DeepSpeed ZeRO-2 JSON, one model, two processes.

`python -m tests.benchmarks.trainer [--pairs 5] [--steps 40]` prints examples per second of both in
alternating pairs, the median ratio (above 1 the zoo is faster) and what either logs.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.ranks import run_ranks
from zoo.layout import Layout, Place
from zoo.recipe.deepspeed import deepspeed_config
from zoo.recipe.load import load_recipe
from zoo.recipe.spec import Recipe

PATH = Path(__file__).parents[2] / "configs/recipes/nlp/gpt2-small-openwebtext.json"
RANKS, WARM = 2, 5
CHANGES = [
    "model.config.n_embd=192", "model.config.n_layer=4", "run.batch=16", "run.micro_batch=8",
    "parallel.zero.stage=2", "run.steps=100000", "run.log_every=10", "data.workers=0",
]  # fmt: skip


def recipe_of() -> Recipe:
    """GPT-2's twin, larger, on ZeRO 2."""
    return load_recipe(PATH, CHANGES, tiny=True)


def ours(steps: int) -> float:
    """Seconds of `steps` steps of the real loop; every rank."""
    from tests.benchmarks.overhead import seconds, zoo_step
    from zoo.training.world import choose_accelerator, world

    quiet()
    place = Place.from_environment()
    choose_accelerator(place)
    with TemporaryDirectory() as root, world(place):
        step, _, _ = zoo_step(recipe_of(), Path(root), place)
        seconds(step, WARM)
        return seconds(step, steps) * steps


def theirs(steps: int) -> float:
    """Seconds of `steps` steps of Trainer.train on the same rows, JSON and AdamW; every rank."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from zoo.engines.build import quiet_deepspeed
    from zoo.training.checks import ring_two
    from zoo.training.run import prepare
    from zoo.training.world import choose_accelerator

    quiet()
    choose_accelerator(Place.from_environment())
    recipe = recipe_of()
    checked = ring_two(recipe, RANKS)
    rows = prepare(recipe, checked).train
    quiet_deepspeed()
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.perf_counter())

    params = recipe.optimizer.params
    with TemporaryDirectory() as root:
        arguments = TrainingArguments(
            output_dir=root,
            use_cpu=True,
            deepspeed=deepspeed_config(recipe, Layout(1, RANKS, 1)),
            max_steps=WARM + steps,
            per_device_train_batch_size=recipe.run.micro_batch,
            gradient_accumulation_steps=1,
            max_grad_norm=recipe.optimizer.gradient_clipping,
            learning_rate=params["lr"],
            adam_beta1=params["betas"][0],
            adam_beta2=params["betas"][1],
            weight_decay=params["weight_decay"],
            optim="adamw_torch_fused",
            logging_steps=recipe.run.log_every,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_num_workers=0,
            dataloader_pin_memory=False,
        )
        model = checked.task.model_class.from_config(checked.task.config)
        model.config.use_cache = False
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=Blocks(rows),
            data_collator=stacked,
            callbacks=[Clock()],
        )
        trainer.train()
    return times[-1] - times[WARM - 1]


class Blocks(torch.utils.data.Dataset):
    """The zoo's packed rows as Trainer takes them; labels are shifted in the model."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.as_tensor(self.rows[index]["input_ids"][:-1]).long()
        return {"input_ids": ids, "labels": ids}


def stacked(examples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """A batch."""
    return {key: torch.stack([one[key] for one in examples]) for key in examples[0]}


def quiet() -> None:
    """One thread, no warnings."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def main() -> None:
    """Prints a line a pair and the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    words = parser.parse_args()
    examples = words.steps * recipe_of().run.batch
    print("| zoo, examples/s | Trainer, examples/s | zoo / Trainer |\n| --- | --- | --- |")
    ratios = []
    for _ in range(words.pairs):
        rates = [examples / max(run_ranks(RANKS, side, words.steps)) for side in (ours, theirs)]
        ratios.append(rates[0] / rates[1])
        print(f"| {rates[0]:.1f} | {rates[1]:.1f} | {ratios[-1]:.3f} |", flush=True)
    print(f"\nmedian of {words.pairs} pairs: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
