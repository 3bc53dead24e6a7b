"""The zoo against Hugging Face's Trainer: one DeepSpeed ZeRO-2 JSON, one model, two processes.

`python -m tests.benchmarks.trainer [--pairs 5] [--steps 40]` prints examples per second of both in
alternating pairs and the median ratio (above 1 the zoo is faster).
"""

import argparse
import gc
import statistics
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.ranks import run_ranks
from zoo.layout import Layout, Place
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.tasks.build import head_class
from zoo.training.run import prepare

PATH = Path(__file__).parents[2] / "configs/recipes/nlp/gpt2-small-openwebtext.json"
RANKS, WARM, BLOCK = 2, 5, 5
CHANGES = [
    "model.config.n_embd=192", "model.config.n_layer=4", "run.batch=16", "run.micro_batch=8",
    "parallel.zero.stage=2", "run.steps=100000", "run.log_every=10", "data.workers=0",
]  # fmt: skip


def recipe_of() -> Recipe:
    """GPT-2's twin, larger, on ZeRO 2."""
    return load_recipe(PATH, CHANGES, tiny=True)


def pairs_of(pairs: int, steps: int) -> list[tuple[float, float]]:
    """Seconds of `steps` steps of the zoo's loop and of Trainer.train, in turn; every rank.

    Both engines live in the same processes, and after every BLOCK of Trainer's steps the zoo makes
    as many, so that what else the machine does meets both.
    """
    from transformers import Trainer, TrainerCallback

    from tests.benchmarks.overhead import seconds, zoo_step
    from zoo.training.world import choose_accelerator, world

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    place, recipe = Place.from_environment(), recipe_of()
    choose_accelerator(place)
    with TemporaryDirectory() as root, world(place):
        step, checked, _ = zoo_step(recipe, Path(root), place)
        seconds(step, WARM)
        gc.collect()
        gc.freeze()  # as a run does: rows collect what came since
        blocks: list[tuple[float, float]] = []

        class Turns(TrainerCallback):
            """Times a block of Trainer's steps, then as many of the zoo's."""

            started = 0.0

            def on_step_end(self, arguments: Any, state: Any, *_: Any, **__: Any) -> None:
                done = state.global_step - WARM
                if done > 0 and done % BLOCK == 0:
                    theirs = time.perf_counter() - self.started
                    blocks.append((seconds(step, BLOCK) * BLOCK, theirs))
                if done >= 0 and done % BLOCK == 0:
                    self.started = time.perf_counter()

        Trainer(
            model=trainer_model(recipe, checked),
            args=trainer_arguments(recipe, root, WARM + pairs * steps),
            train_dataset=Blocks(prepare(recipe, checked).train),
            data_collator=stacked,
            callbacks=[Turns()],
        ).train()
    turns = steps // BLOCK
    cuts = [blocks[first : first + turns] for first in range(0, len(blocks), turns)]
    return [(sum(a for a, _ in cut), sum(b for _, b in cut)) for cut in cuts]


def trainer_model(recipe: Recipe, checked: Any) -> Any:
    """The same architecture, from transformers itself."""
    model = head_class(recipe.task.kind).from_config(checked.task.config)
    model.config.use_cache = False
    return model


def trainer_arguments(recipe: Recipe, root: str, steps: int) -> Any:
    """The same batch, optimizer, clipping and DeepSpeed JSON in Trainer's words."""
    from transformers import TrainingArguments

    params = recipe.optimizer.params
    return TrainingArguments(
        output_dir=root,
        use_cpu=True,
        deepspeed=deepspeed_config(recipe, Layout.of(data=RANKS)),
        max_steps=steps,
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


def main() -> None:
    """Prints a line a pair and the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help=f"a multiple of {BLOCK}")
    words = parser.parse_args()
    examples = words.steps * recipe_of().run.batch
    found = run_ranks(RANKS, pairs_of, words.pairs, words.steps, timeout=1800)[0]
    print("| zoo, examples/s | Trainer, examples/s | zoo / Trainer |\n| --- | --- | --- |")
    ratios = []
    for ours, theirs in found:
        ratios.append(theirs / ours)
        print(f"| {examples / ours:.1f} | {examples / theirs:.1f} | {ratios[-1]:.3f} |")
    print(f"\nmedian of {words.pairs} pairs: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
