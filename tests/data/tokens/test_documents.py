"""Documents that come as tokens give the blocks that their text gives."""

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from tests.data.tokens import megatron
from tests.runs import SHORT, losses, train, twin
from zoo.data.rows import Rows, Subset
from zoo.data.source import open_source
from zoo.data.tokens.documents import TokenDocuments, token_documents
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.tasks.build import build_task
from zoo.tasks.text.vocabulary import CAUSAL, trained_tokenizer

TEXTS = [f"Document {n} says: {'word ' * n}and ends.\n" for n in range(60)]


def blocks(folder: Path, *changes: str) -> Rows:
    """What a recipe trains on, of data in a folder."""
    data = {"source": "files", "folder": str(folder), "cache": str(folder / "c")}
    words = [
        f"data={json.dumps(data)}",
        f"model.tokenizer={folder / 'bpe'}",
        "task.sequence_length=16",
        "run.eval_every=0",
        *changes,
    ]
    recipe = load_recipe("gpt2-small-openwebtext", words, True)
    source = open_source(recipe)
    return build_task(recipe, source).rows(source.train)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A text, and the same as two pairs by an independent writer."""
    tokenizer = trained_tokenizer("bpe", TEXTS, 300, False, CAUSAL)
    tokenizer.save_pretrained(tmp_path / "bpe")
    kept = AutoTokenizer.from_pretrained(tmp_path / "bpe")
    ids = [[*kept(text)["input_ids"], kept.eos_token_id] for text in TEXTS]
    (tmp_path / "tokens").mkdir()
    megatron.write(tmp_path / "tokens" / "a", [[one] for one in ids[:20]], 8)
    megatron.write(tmp_path / "tokens" / "b", [[one[:5], one[5:]] for one in ids[20:]], 4)
    lines = (json.dumps({"text": text}) + "\n" for text in TEXTS)
    (tmp_path / "text.jsonl").write_text("".join(lines), "utf-8")
    return tmp_path


def test_the_blocks_are_those_of_the_text_path_and_so_are_ours(folder: Path) -> None:
    text = blocks(folder, "data.train=text.jsonl")
    whole = np.stack([text[n]["input_ids"] for n in range(len(text))])
    for given in ("tokens", "tokens/*.idx", "c/tokens-*"):
        rows = blocks(folder, "data.format=megatron", f"data.train={given}")
        assert np.array_equal(whole, [rows[n]["input_ids"] for n in range(len(rows))]), given
        known = given == "c/tokens-*"  # there shards.json says how much text it was
        assert rows[0]["bytes"] == pytest.approx(text[0]["bytes"] if known else np.nan, nan_ok=True)
    first = blocks(folder, "data.format=megatron", "data.train=tokens/a")
    assert np.array_equal(whole[: len(first)], [first[n]["input_ids"] for n in range(len(first))])


@pytest.mark.slow
def test_a_training_on_tokens_of_an_independent_writer_has_the_losses_of_the_text(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runs = tmp_path_factory.mktemp("runs")
    data = {"source": "files", "folder": str(folder), "cache": str(folder / "c")}
    words = [
        f"data={json.dumps(data)}",
        *(f"model.tokenizer={folder / 'bpe'}", "task.sequence_length=16", "run.report_to=[]"),
        *(word for word in SHORT if "data." not in word),
    ]
    text = twin("causal-lm")
    train(1, text, runs / "text", *words, "data.train=text.jsonl")
    for world, train_on in ((1, "tokens"), (2, "c/tokens-*")):
        name = f"{train_on[0]}{world}"
        train(world, text, runs / name, *words, "data.format=megatron", f"data.train={train_on}")
        assert losses(runs / name) == pytest.approx(losses(runs / "text"), rel=1e-6)


def test_some_of_the_documents_are_a_stream_of_their_own(folder: Path) -> None:
    rows = TokenDocuments([folder / "tokens" / "a", folder / "tokens" / "b"])
    own = [ids for name in "ab" for ids in megatron.read(folder / "tokens" / name)[1]]
    chosen = Subset(Subset(rows, np.arange(5, 40)), np.array([0, 2, 20, 34]))
    found = token_documents(chosen)
    assert found is not None
    assert found[0][:].tolist() == [i for n in (5, 7, 25, 39) for i in own[n]]
    assert rows[7]["text"] == " ".join(map(str, own[7]))


def test_ids_of_another_vocabulary_and_pairs_that_are_none_are_faults(folder: Path) -> None:
    megatron.write(folder / "other", [[[1, 2, 299, 300] * 10]], 8)
    with pytest.raises(ConfigError, match=r"data\.train: found tokens with the id 300"):
        blocks(folder, "data.format=megatron", "data.train=other")
    (folder / "tokens" / "a.idx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"a\.idx \(no index of Megatron's"):
        blocks(folder, "data.format=megatron", "data.train=tokens")
    with pytest.raises(ConfigError, match=r"a prefix of \.idx and \.bin"):
        blocks(folder, "data.format=megatron", "data.train=absent")


def test_a_tokenizer_cannot_be_made_from_tokens(folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"model\.tokenizer: found \"characters\" with data\.format"
    ):
        blocks(folder, "data.format=megatron", "data.train=tokens", "model.tokenizer=characters")
