"""Whisper: a checkpoint of transformers' making comes back as it was, and an exported folder writes
in plain transformers what it was scored by.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jiwer
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoFeatureExtractor,
    AutoTokenizer,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from tests.ranks import run_ranks
from tests.runs import rows, train, twin
from zoo.data.builtin.morse import open_morse
from zoo.data.cache import cache_root
from zoo.data.rows import Rows
from zoo.data.samples import drawn
from zoo.data.sources.opened import Wanted
from zoo.recipe import load_recipe
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.tasks.text.vocabulary import byte_tokenizer
from zoo.training.evaluate import evaluate
from zoo.training.run import run

RECIPE = twin("speech-seq2seq")
TOLD = ("<|translate|>", "<|transcribe|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
SPECIALS = ["<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES), *TOLD]


def clips(split: str, count: int | None) -> Rows:
    """The clips of a split that a run scores."""
    data = load_recipe(RECIPE, tiny=True).data
    wanted = Wanted.of(KINDS["speech-seq2seq"])
    return drawn(open_morse(split, cache_root(data), wanted).rows, count, data.split_seed)


def by_transformers(folder: Path, chosen: Rows) -> dict[str, float]:
    """The scores of an exported folder, without the zoo's code."""
    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    wanted, written, nats, count = [], [], 0.0, 0
    for index in range(len(chosen)):
        row = chosen[index]
        features = extractor(row["audio"], sampling_rate=8000, return_tensors="pt")
        ids = model.generate(features["input_features"])
        [text] = tokenizer.batch_decode(ids, skip_special_tokens=True)
        written.append(" ".join(text.split()))
        wanted.append(row["transcript"])
        labels = tokenizer(row["transcript"], return_tensors="pt")["input_ids"][:, 1:]
        with torch.no_grad():
            loss = model(input_features=features["input_features"], labels=labels).loss
        nats, count = nats + float(loss) * labels.numel(), count + labels.numel()
    right = sum(a == b for a, b in zip(wanted, written, strict=True))
    return {
        "loss": nats / count,
        "wer": jiwer.wer(wanted, written),
        "cer": jiwer.cer(wanted, written),
        "exact": right / len(wanted),
    }


def checkpoint(folder: Path) -> None:
    """A small Whisper of many languages, as transformers writes one."""
    letters = byte_tokenizer({"eos_token": "<|endoftext|>"}).get_vocab()
    tokenizer = WhisperTokenizer(vocab=letters, merges=[], pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIALS})
    tokenizer.save_pretrained(folder)
    ids = tokenizer.get_vocab()
    extractor = WhisperFeatureExtractor(8, 8000, 160, 3, 256)
    extractor.save_pretrained(folder)
    end = tokenizer.eos_token_id
    sides = {f"{s}_{k}": v for s in ("encoder", "decoder") for k, v in
             {"layers": 1, "attention_heads": 2, "ffn_dim": 32}.items()}  # fmt: skip
    config = WhisperConfig(
        vocab_size=len(tokenizer), d_model=16, num_mel_bins=8, max_source_positions=75, **sides,
        max_target_positions=24, decoder_start_token_id=ids["<|startoftranscript|>"],
        pad_token_id=end, eos_token_id=end, bos_token_id=end, begin_suppress_tokens=[end],
        init_std=0.3,
    )  # fmt: skip
    torch.manual_seed(1)
    model = WhisperForConditionalGeneration(config)
    told = model.generation_config
    told.is_multilingual, told.no_timestamps_token_id = True, ids["<|notimestamps|>"]
    told.lang_to_id = {f"<|{code}|>": ids[f"<|{code}|>"] for code in LANGUAGES}
    told.task_to_id = {task: ids[f"<|{task}|>"] for task in ("translate", "transcribe")}
    told.suppress_tokens = [ids["a"]]
    model.save_pretrained(folder)


def run_named(words: Sequence[str]) -> int:
    """The catalog's recipe from a checkpoint, in this process."""
    return run(load_recipe(RECIPE, words))


@pytest.mark.ranks(2)
def test_a_checkpoint_comes_back_bit_by_bit_and_writes_what_it_was_scored_by(
    tmp_path: Path,
) -> None:
    given, folder = tmp_path / "given", tmp_path / "run"
    checkpoint(given)
    content = json.loads((RECIPE.parents[2] / "tiny" / "speech-seq2seq.json").read_text())
    data = {**content["data"], "max_valid_examples": 11, "workers": 0}
    words: list[Any] = [
        f'model={{"name": "{given}"}}',
        *(f"data={json.dumps(data)}", "task.generate.max_new_tokens=10"),
        *("run.steps=2", "optimizer.params.lr=0.0", "run.batch=4", "run.micro_batch=2"),
        *("run.precision=fp32", "run.report_to=[]", f"run.folder={folder}", "run.export=last"),
        *("optimizer.scheduler=false", "parallel.zero.stage=3", "run.eval_micro_batch=2"),
        "parallel.zero.stage3_param_persistence_threshold=0",
    ]
    assert run_ranks(2, run_named, words) == [0, 0]
    before, after = (load_file(one / "model.safetensors") for one in (given, folder / "model"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    scored = next(row for row in rows(folder) if "valid/wer" in row)
    theirs = by_transformers(folder / "model", clips("validation", 11))
    assert {name: scored[f"valid/{name}"] for name in theirs} == pytest.approx(theirs, abs=1e-5)
    written = json.loads((folder / "model" / "generation_config.json").read_text())
    own = json.loads((given / "generation_config.json").read_text())
    assert written["language"] == "hindi" and written["suppress_tokens"] == own["suppress_tokens"]


@pytest.mark.slow
def test_a_twin_learns_to_hear_morse(tmp_path: Path) -> None:
    train(1, RECIPE, tmp_path, "run.report_to=[]", "data.workers=0", timeout=1800)
    scores = run_ranks(1, evaluate, tmp_path / "model", "test", timeout=900)[0]
    theirs = by_transformers(tmp_path / "model", clips("test", None))
    assert {name: scores[f"test/{name}"] for name in theirs} == pytest.approx(theirs, abs=1e-5)
    assert scores["test/wer"] <= 0.20
