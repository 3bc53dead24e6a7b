"""Every rule of the table is broken by a recipe, and its fault says why."""

from typing import Any

import pytest

from tests.recipe.conftest import GOOD, Catalog
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.checks.rules import RULES, Rule
from zoo.recipe.derived.exchange import START

RUN = GOOD["run"]
IMAGES: dict[str, Any] = {
    "task": {"kind": "image-classification", "image_size": 32},
    "model": {"config": {"model_type": "vit"}},
    "data": {"source": "built-in", "name": "digits"},
}
SPEECH: dict[str, Any] = {
    "task": {"kind": "ctc"},
    "model": {"config": {"model_type": "wav2vec2"}, "tokenizer": "characters"},
    "data": {"source": "built-in", "name": "morse"},
}
FILES: dict[str, Any] = {"data": {"source": "files", "folder": "/data", "valid": 0.1}}
CHATS = {"kind": "causal-lm", "sequence_length": 8}
TEXT = {"source": "built-in", "name": "stdlib-text"}
MIXTURE = {"source": "mixture", "parts": {"a": {"data": TEXT, "weight": 1}}}
ZERO = "parallel.zero."
FREEZE, VARIANCE = "optimizer.params.freeze_step", "optimizer.params.var_freeze_step"
TWO_STAGES = "parallel.pipeline.stages=2"
KIND = "parallel.compression.kind"
IN_4_BITS = ["model.name=gpt2", "model.lora.bnb_4bit.quant_type=nf4"]
POWER = [f"{ZERO}stage=0", f"{KIND}=power-sgd"]
LR = "optimizer.params.lr=0.1"
ZERO_ONE = [
    *(f"{ZERO}stage=0", "optimizer.type=ZeroOneAdam", LR, "optimizer.params.var_update_scaler=9"),
]
LAMB = ["optimizer.type=OneBitLamb", LR, "optimizer.params.freeze_step=0.1"]
SCHEDULE = "optimizer.scheduler."
WARMUP = [f"{SCHEDULE}type=WarmupLR", f"{SCHEDULE}params.warmup_num_steps=10"]
NO_WARMUP = f"{SCHEDULE}params.warmup_num_steps=0"
STABLE = [f"{SCHEDULE}type=WarmupStableDecayLR"]
EXPONENTIAL = f"{SCHEDULE}params.decay_type=exponential"
CYCLE = 'optimizer.scheduler={{"type":"OneCycle","params":{{"cycle_min_lr":{},"cycle_max_lr":{}}}}}'
FALLING = f"{SCHEDULE}params.milestones=[0.5,0.2]"
WHOLE = ["model.config.model_type=opt"]
# Sections laid over the good recipe, then words of the command line.
BREAKING: dict[str, tuple[dict[str, Any], list[str]]] = {
    "keys of another loss": (
        {"task": {"kind": "preference", "sequence_length": 8, "simpo_gamma": 1.0}},
        [],
    ),
    "length": ({"run": {**RUN, "epochs": 1}}, []),
    "whole micro-batches": ({}, ["run.batch=7"]),
    "unit of a batch": ({}, ["run.batch_unit=seconds"]),
    "examples of a mixture": ({"data": MIXTURE}, ["run.batch_unit=tokens"]),
    "grouped once": ({}, ["run.batch_unit=tokens", "data.sampling=group-by-length"]),
    "whole matrices": ({}, ["optimizer.type=Lamb", LR, "parallel.zero.stage=1"]),
    "matrices, not slices": (
        {},
        ["optimizer.type=Lamb", LR, f"{ZERO}stage=0", "parallel.tensor=2"],
    ),
    "gradients of a pipeline": ({}, [TWO_STAGES, f"{ZERO}stage=2"]),
    "masters of a pipeline": (
        {},
        [TWO_STAGES, "parallel.tensor=2", f"{ZERO}stage=0", "run.precision=bf16"],
    ),
    "norm of slices": ({}, ["parallel.tensor=2", f"{ZERO}stage=0", "run.precision=fp16"]),
    "narrow sums": ({}, ["parallel.gradient_dtype=bf16", "run.precision=fp16"]),
    "weights of a language model": (
        {**SPEECH, "task": {"kind": "ctc", "decoder": {"alpha": 0.3}}},
        [],
    ),
    "stages of a whole family": ({}, [*WHOLE, TWO_STAGES]),
    "owners of means": ({}, [*LAMB, f"{ZERO}stage=1"]),
    "means of a cut model": ({}, [*LAMB, f"{ZERO}stage=0", "parallel.tensor=2"]),
    "one exchange": ({}, [*LAMB, f"{ZERO}stage=0", f"{KIND}=int8"]),
    "whole gradients": ({}, [f"{ZERO}stage=1", f"{KIND}=int8"]),
    "copies on tensor ranks": ({}, [f"{ZERO}stage=0", f"{KIND}=int8", "parallel.tensor=2"]),
    "compressors of a pipeline": ({}, [f"{ZERO}stage=0", f"{KIND}=local-sgd", TWO_STAGES]),
    "one overflow": ({}, [f"{ZERO}stage=0", f"{KIND}=int8", "run.precision=fp16"]),
    "rough gradients": ({}, [f"{ZERO}stage=0", f"{KIND}=top-k", "optimizer.type=Lion", LR]),
    "a frozen maximum": (
        {},
        [f"{ZERO}stage=0", f"{KIND}=power-sgd", "optimizer.params.amsgrad=true"],
    ),
    "velocity": (
        {},
        [
            f"{ZERO}stage=0",
            f"{KIND}=top-k",
            "optimizer.type=SGD",
            LR,
            "optimizer.params.dampening=0.1",
        ],
    ),
    f"something to compress: {FREEZE}": (
        {},
        ["optimizer.type=OneBitAdam", LR, f"{ZERO}stage=0", "run.steps=9", NO_WARMUP],
    ),
    f"something to compress: {VARIANCE}": ({}, [*ZERO_ONE, "run.steps=9", NO_WARMUP]),
    f"something to compress: {START}": (
        {},
        [f"{ZERO}stage=0", f"{KIND}=local-sgd", "run.steps=9", f"{START}=9", NO_WARMUP],
    ),
    f"a settled variance: {FREEZE}": ({}, [*LAMB, f"{ZERO}stage=0", "run.steps=90", *WARMUP]),
    f"a settled variance: {VARIANCE}": (
        {},
        [*ZERO_ONE, f"{VARIANCE}=5", "run.steps=90", *WARMUP],
    ),
    f"a settled variance: {START}": ({}, [*POWER, f"{START}=5", "run.steps=90", *WARMUP]),
    "offload of means": (
        {},
        [
            *("optimizer.type=OneBitAdam", LR, f"{FREEZE}=0.1", f"{ZERO}stage=1"),
            f"{ZERO}offload_optimizer.device=cpu",
        ],
    ),
    "slices of a whole family": ({}, [*WHOLE, "parallel.tensor=2"]),
    "optimizer offload": ({}, [f"{ZERO}stage=0", f"{ZERO}offload_optimizer.device=cpu"]),
    "parameter offload": ({}, [f"{ZERO}offload_param.device=cpu"]),
    "optimizer state in memory": ({}, [f"{ZERO}offload_optimizer.device=nvme"]),
    "parameters in memory": ({}, [f"{ZERO}stage=3", f"{ZERO}offload_param.device=nvme"]),
    "ZeRO++": ({}, [f"{ZERO}zero_quantized_weights=true"]),
    "own optimizers": ({}, [f"{ZERO}zenflow.topk_ratio=0.2"]),
    "gradient norm": ({}, [f"{ZERO}compute_grad_norm=false"]),
    "masks twice": (SPEECH, ["task.augment.spec_augment.time_masks=1"]),
    "partner": (IMAGES, ["task.augment.cutmix=1", "run.micro_batch=1"]),
    "seconds": (SPEECH, ["task.max_seconds=1", "task.min_seconds=1"]),
    "whole words": (
        {"task": {"kind": "masked-lm", "sequence_length": 8, "whole_word": True}},
        [],
    ),
    "something to score": ({"data": {"source": "hub", "name": "x"}}, ["run.eval_every=epoch"]),
    "tokenizer": ({"model": {"config": {"model_type": "gpt2"}}}, []),
    "architecture": ({"model": {"tokenizer": "bytes"}}, []),
    "revision": ({}, ["model.revision=main"]),
    "chat template": ({"task": CHATS}, ["model.chat_template=chatlm"]),
    "template of chats": (IMAGES, ["model.chat_template=chatml"]),
    "adapter's base": ({}, ["model.lora.r=4"]),
    "merged export of 4 bits": ({}, [*IN_4_BITS, "run.export_merged=true"]),
    "blocks of 4 bits": ({}, [*IN_4_BITS, "parallel.tensor=2"]),
    "DoRA of 4 bits": ({}, [*IN_4_BITS, "model.lora.use_dora=true", f"{ZERO}stage=3"]),
    "merged export": ({}, ["run.export_merged=true"]),
    "flash attention": ({}, ["model.attention=flash_attention_2"]),
    "Adam's decay": ({}, ["optimizer.params.adam_w_mode=false"]),
    "moments of another run": (
        {},
        ["optimizer.type=SGD", LR, "optimizer.state=runs/first"],
    ),
    "average of weights": ({}, [f"{ZERO}stage=0", f"{KIND}=local-sgd", "optimizer.ema.decay=0.9"]),
    "nesterov": ({}, ["optimizer.type=SGD", LR, "optimizer.params.nesterov=true"]),
    "a group's name": ({"optimizer": {"base": "adam-like", "groups": {"": {"lr": 1}}}}, []),
    "learning rate": ({}, ["optimizer.type=Muon", f"{ZERO}stage=0"]),
    "end of the warm-up": ({}, ["run.steps=9"]),
    "room for the fall": (
        {},
        [
            *STABLE,
            f"{SCHEDULE}params.decay_num_steps=0.9",
            f"{SCHEDULE}params.warmup_num_steps=0.9",
        ],
    ),
    "end of the fall": (
        {},
        [*STABLE, NO_WARMUP, f"{SCHEDULE}params.decay_num_steps=0.5", EXPONENTIAL],
    ),
    "rates of a cycle": ({}, [CYCLE.format(2, 1)]),
    "momenta of a cycle": ({}, [CYCLE.format(1, 2), f"{SCHEDULE}params.cycle_min_mom=0.95"]),
    "rates by depth": ({}, [CYCLE.format(1, 2), "optimizer.layer_decay=0.8"]),
    "milestones": ({}, [f"{SCHEDULE}type=WarmupMultiStepLR", NO_WARMUP, FALLING]),
    "area of a crop": (IMAGES, ["task.augment.crop.scale=[0.1,1.5]"]),
    "a score that is given": ({}, ["run.best_metric=valid/f1"]),
    "checkpoints kept for a mean": ({}, ["run.export=average-3", "run.save_every=1"]),
    "checkpoints made for a mean": ({}, ["run.export=average-2", "run.save_every=0"]),
    "patience": ({}, ["run.patience=3"]),
    "expected scores": ({}, ["run.expected.valid/f1=[0.5,1]"]),
    "expected bands": ({}, ['run.expected.valid/loss={"min":2,"max":1}']),
    "built-in data": ({}, ["data.source=built-in", "data.name=digits"]),
    "two classes": (IMAGES, ['data.labels=["only"]']),
    "no secret": (FILES, ["data.folder=https://me:word@host/data?token=1"]),
    "streamed shards": (FILES, ["data.streaming=true", "data.format=csv"]),
    "shards far away": (FILES, ["data.folder=s3://bucket/data", "data.format=csv"]),
    "a cache that is used": (FILES, ["data.cache_limit=1 GB"]),
    "whose tokens": (FILES, ["data.format=megatron", "model.tokenizer=characters"]),
    "tokens of text": (
        {**FILES, "task": {"kind": "sequence-classification", "sequence_length": 64}},
        ["data.format=megatron", "model.tokenizer=a/b"],
    ),
    "lengths": (IMAGES, ["data.sampling=group-by-length"]),
    "numbers have no names": (IMAGES, ["task.problem=regression", 'data.labels=["a","b"]']),
    "labels": ({}, ['data.labels=["a","a"]']),
    "shares of a mixture": ({"data": {**MIXTURE, "temperature": 2}}, []),
    "epochs of a mixture": ({"data": MIXTURE}, ["run.steps=unset", "run.epochs=1"]),
    "a filter that asks": ({}, ["data.filter.text={}"]),
    "room between limits": ({}, ['data.filter.text={"min_words":9,"max_words":8}']),
    "tokens before the tokenizer": (
        {},
        ["data.filter.text.max_tokens=9", "model.tokenizer=characters"],
    ),
    "columns of tokens": (
        FILES,
        ["data.format=megatron", "data.deduplicate=true", "model.tokenizer=a/b"],
    ),
    "sets of a filter": ({}, ['data.filter_sets=["train"]']),
    "columns": (IMAGES, ['data.columns.label=["a","b"]']),
    "one class a row": (IMAGES, ["task.problem=regression", "task.label_smoothing=0.1"]),
    "something to train": ({}, ['model.freeze=["*"]']),
}


def test_every_rule_has_a_recipe_that_breaks_it() -> None:
    # No kind of today lets labels into its model or generates: tests/tasks/test_toy_kind.py.
    assert {rule.name for rule in RULES} == {*BREAKING, "stages of a whole task"}
    assert len(RULES) == len(BREAKING) + 1


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.name in BREAKING], ids=lambda rule: rule.name
)
def test_a_broken_rule_is_the_only_fault_and_says_why(rule: Rule, catalog: Catalog) -> None:
    sections, words = BREAKING[rule.name]
    with pytest.raises(ConfigError) as caught:
        load_recipe(catalog.recipe(**sections), words)
    [fault] = caught.value.faults
    assert fault.key == rule.key
    assert fault.allowed == f"{rule.allowed} ({rule.why})"


def test_masks_of_the_model_that_are_off_may_stand_beside_spec_augment(catalog: Catalog) -> None:
    words = ["task.augment.spec_augment.time_masks=1", "model.config.mask_time_prob=0"]
    load_recipe(catalog.recipe(**SPEECH), words)
    load_recipe(catalog.recipe(**SPEECH), [words[0], "model.config.apply_spec_augment=false"])


@pytest.mark.parametrize(
    "words",
    [
        [TWO_STAGES, f"{ZERO}stage=1", "run.precision=bf16"],
        [TWO_STAGES, f"{ZERO}stage=0", "optimizer.type=Lamb", LR],
        ["parallel.tensor=2", f"{ZERO}stage=3", "run.precision=bf16"],
        ["parallel.tensor=2", f"{ZERO}stage=0"],
        ["parallel.pipeline.stages=1", f"{ZERO}stage=2"],
        [f"{ZERO}stage=0", "run.precision=bf16"],
    ],
    ids=" ".join,
)
def test_layouts_that_compute_the_same_are_not_refused(words: list[str], catalog: Catalog) -> None:
    load_recipe(catalog.recipe(), words)


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer.type=Muon", LR, f"{ZERO}stage=0", "optimizer.params.nesterov=true"],
        ["run.steps=10"],
        [
            *STABLE,
            f"{SCHEDULE}params.decay_num_steps=0.5",
            f"{SCHEDULE}params.warmup_num_steps=0.5",
        ],
        [f"{SCHEDULE}type=WarmupMultiStepLR", NO_WARMUP, f"{SCHEDULE}params.milestones=[0.2,90]"],
        ["run.best_metric=valid/loss"],
    ],
    ids=" ".join,
)
def test_what_is_legal_is_not_refused(words: list[str], catalog: Catalog) -> None:
    load_recipe(catalog.recipe(), words)


def test_a_group_may_not_take_nesterovs_step_alone(catalog: Catalog) -> None:
    words = ["optimizer.type=SGD", LR, "optimizer.params.momentum=0.9"]
    load_recipe(catalog.recipe(), [*words, "optimizer.params.nesterov=true"])
    group = 'optimizer.groups.*.bias={"nesterov": true, "momentum": 0}'
    with pytest.raises(ConfigError, match=r"in the group \*\.bias"):
        load_recipe(catalog.recipe(), [*words, group])


def test_a_best_score_is_of_a_set_that_is_there(catalog: Catalog) -> None:
    sets = 'data.valid=["a.txt","b.txt"]'
    load_recipe(catalog.recipe(), [sets, "run.best_metric=valid/b.txt/loss"])
    with pytest.raises(ConfigError, match=r"where evaluation gives valid/a\.txt/perplexity"):
        load_recipe(catalog.recipe(), [sets, "run.best_metric=valid/loss"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_rule_proposes_are_words(rule: Rule) -> None:
    if isinstance(rule.nearest, str):
        assert all("=" in word for word in rule.nearest.split())
