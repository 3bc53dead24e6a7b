"""Models that write: scored alike by `zoo eval`, on every layout, and by plain transformers code;
checkpoints of transformers' making come back as they were.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest
import sacrebleu
import torch
from rouge_score.rouge_scorer import RougeScorer
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from tests.ranks import run_ranks
from tests.runs import CATALOG, SHORT, furthest, losses, rows, train, train_each, twin
from zoo.data.builtin.numbers import NumberRows
from zoo.recipe import load_recipe
from zoo.tasks.text.vocabulary import SEQUENCES, character_tokenizer
from zoo.training.evaluate import evaluate
from zoo.training.run import run

FEW = (*SHORT, "run.steps=80", "run.save_every=40", "run.keep=9", "optimizer.params.lr=0.006")
NOTHING_KEPT = ["parallel.zero.stage=3", "parallel.zero.stage3_param_persistence_threshold=0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin that was trained for a few steps, and exported."""
    folder = tmp_path_factory.mktemp("sequences") / "run"
    train(1, twin("sequence-to-sequence"), folder, *FEW)
    return folder


def by_transformers(folder: Path, split: str, count: int) -> dict[str, float]:
    """The scores of an exported folder on the first rows of a split, without the zoo's code."""
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chosen = [NumberRows(split)[index] for index in range(count)]
    wanted = [row["target"] for row in chosen]
    inputs = tokenizer([row["source"] for row in chosen], padding=True, return_tensors="pt")
    written = tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    found = [text.strip() for text in written]
    labels = tokenizer(text_target=wanted, padding=True, return_tensors="pt")["input_ids"]
    labels[labels == tokenizer.pad_token_id] = -100
    with torch.no_grad():
        loss = float(model(**inputs, labels=labels).loss)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    pairs = [scorer.score(right, text) for text, right in zip(found, wanted, strict=True)]
    names = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
    return {
        "loss": loss,
        "exact": sum(a == b for a, b in zip(found, wanted, strict=True)) / count,
        "bleu": sacrebleu.corpus_bleu(found, [wanted]).score / 100,
        **{ours: sum(one[theirs].fmeasure for one in pairs) / count
           for ours, theirs in names.items()},
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_eval_plain_transformers_and_ranks_that_write_in_step_give_the_same_scores(
    trained: Path,
) -> None:
    words = ["data.max_valid_examples=unset", "data.valid=validation", "run.eval_micro_batch=30"]
    alone = run_ranks(1, evaluate, trained / "model", "valid", words)[0]
    theirs = by_transformers(trained / "model", "validation", 200)
    assert {name: alone[f"valid/{name}"] for name in theirs} == pytest.approx(theirs, abs=1e-6)
    assert 0 < alone["valid/rouge_l"] < 1 and alone["valid/bleu"] > 0
    together = run_ranks(2, evaluate, trained, "valid", [*words, *NOTHING_KEPT])
    assert together[0] == together[1] == pytest.approx(alone, abs=1e-6)


@pytest.mark.slow
def test_a_run_that_writes_goes_on_bit_by_bit(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "checkpoints" / "step-00000080")
    shutil.rmtree(folder / "model")
    train(1, twin("sequence-to-sequence"), folder, *FEW)
    assert losses(folder) == losses(trained)
    same(trained / "model", folder / "model")


def same(one: Path, other: Path) -> None:
    """The same names and the same bits in two folders."""
    before, after = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name


T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
SIDES = {
    f"{side}_{key}": value
    for side in ("encoder", "decoder")
    for key, value in {"layers": 2, "attention_heads": 4, "ffn_dim": 48}.items()
}
BART = {"d_model": 32, "max_position_embeddings": 40, **SIDES}
PRETRAINED: dict[str, dict[str, Any]] = {
    "t5": {"model_type": "t5", **T5},
    "t5 1.1": {
        "model_type": "t5",
        **T5,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
    "bart": {"model_type": "bart", **BART},
    "pegasus": {"model_type": "pegasus", **BART},
}
START = {"t5": "pad", "bart": "eos", "pegasus": "pad"}
STILL = ("run.steps=2", "optimizer.params.lr=0.0", "run.batch=4", "run.micro_batch=2")


def checkpoint(family: str, folder: Path) -> None:
    """A folder that transformers wrote: a model with a tokenizer, T5 1.1 with a head of its own."""
    words = character_tokenizer(["0123456789", ascii_lowercase + " "], SEQUENCES)
    words.save_pretrained(folder)
    values = {**PRETRAINED[family], "vocab_size": len(words) + 8}
    ids = {"pad_token_id": words.pad_token_id, "eos_token_id": words.eos_token_id}
    start = ids[f"{START[values['model_type']]}_token_id"]
    config = AutoConfig.for_model(**values, **ids, decoder_start_token_id=start)
    torch.manual_seed(1)
    model = AutoModelForSeq2SeqLM.from_config(config)
    if family == "t5 1.1":
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
        model.all_tied_weights_keys.pop("lm_head.weight")
    model.save_pretrained(folder)
    assert ("lm_head.weight" in load_file(folder / "model.safetensors")) == (family == "t5 1.1")


def run_named(words: Sequence[str]) -> int:
    """The catalog's recipe from a checkpoint, in this process."""
    return run(load_recipe(CATALOG / "nlp" / "t5-small-xsum.json", words))


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "family",
    [pytest.param(n, marks=[] if n == "t5 1.1" else [pytest.mark.slow]) for n in PRETRAINED],
)
def test_a_checkpoint_of_transformers_comes_back_bit_by_bit(family: str, tmp_path: Path) -> None:
    checkpoint(family, tmp_path / "given")
    content = json.loads((CATALOG.parent / "tiny" / "sequence-to-sequence.json").read_text())
    data = {**content["data"], "valid": False, "test": False}
    words = [
        f'model={{"name": "{tmp_path / "given"}"}}',
        f"data={json.dumps(data)}",
        *("task.source_length=32", "task.target_length=32", "run.epochs=unset"),
        *("run.best_metric=unset", "run.precision=fp32", "run.report_to=[]", *STILL),
        *(f"run.folder={tmp_path / 'run'}", *NOTHING_KEPT),
    ]  # fmt: skip
    assert run_ranks(2, run_named, words) == [0, 0]
    same(tmp_path / "given", tmp_path / "run" / "model")
    ours, theirs = (
        AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
        for folder in (tmp_path / "run" / "model", tmp_path / "given")
    )
    ids = torch.tensor([[5, 6, 7, 1]])
    with torch.no_grad():
        assert torch.equal(ours(input_ids=ids, labels=ids).logits,
                           theirs(input_ids=ids, labels=ids).logits)  # fmt: skip


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "recipe",
    [
        *("nlp/t5-small-xsum", "nlp/bart-large-xsum"),
        "speech/whisper-small-common-voice-hi-finetune",
    ],
)
def test_tensor_ranks_learn_and_write_what_one_process_does(recipe: str, tmp_path: Path) -> None:
    layouts = {"one": (1, ()), "cut": (2, ("parallel.tensor=2", "parallel.zero.stage=0"))}
    words = (*SHORT, "data.max_valid_examples=7", "run.eval_every=10", "run.batch=8")
    train_each(CATALOG / f"{recipe}.json", tmp_path, layouts, *words, "run.micro_batch=4")
    assert furthest(losses(tmp_path / "cut"), losses(tmp_path / "one")) < 1e-4
    one, cut = (
        [row for row in rows(tmp_path / name) if "valid/loss" in row] for name in ("one", "cut")
    )
    for before, after in zip(one, cut, strict=True):
        scores = {name: value for name, value in before.items() if name.startswith("valid/")}
        assert {name: after[name] for name in scores} == pytest.approx(scores, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["t5-small-xsum", "bart-large-xsum"])
def test_a_twin_learns_to_spell_and_to_read_numbers(recipe: str, tmp_path: Path) -> None:
    path = CATALOG / "nlp" / f"{recipe}.json"
    train(1, path, tmp_path, "run.report_to=[]", timeout=900)
    scores = run_ranks(1, evaluate, tmp_path / "model", "test", timeout=900)[0]
    theirs = by_transformers(tmp_path / "model", "test", 400)
    assert {name: scores[f"test/{name}"] for name in theirs} == pytest.approx(theirs, abs=1e-6)
    assert scores["test/exact"] >= 0.95
