"""A small catalog of its own for every test of recipes, and how to change it."""

import json
from pathlib import Path
from typing import Any

import pytest

GOOD: dict[str, Any] = {
    "task": {"kind": "causal-lm", "sequence_length": 64},
    "model": "small",
    "data": "corpus",
    "parallel": "one",
    "optimizer": {"base": "adam-like", "params": {"lr": 0.002}},
    "run": {"steps": 100, "batch": 16, "micro_batch": 4},
}
FILES: dict[str, Any] = {
    "model/small": {
        "config": {"model_type": "gpt2", "n_layer": 4, "n_embd": 64},
        "tokenizer": "bytes",
        "parameters": 1000,
        "tiny": {"config": {"n_layer": 1}, "attention": "eager"},
    },
    "model/plain": {"config": {"model_type": "gpt2"}, "tokenizer": "bytes"},
    "data/corpus": {
        "source": "files",
        "folder": "texts",
        "train": "*.txt",
        "valid": 0.1,
        "columns": {"text": "body"},
    },
    "parallel/one": {"zero": {"stage": 1}},
    "optimizer/adam-like": {
        "type": "AdamW",
        "params": {"lr": 0.1, "weight_decay": 0.1},
        "scheduler": {
            "type": "WarmupLR",
            "params": {"warmup_num_steps": 10, "warmup_type": "linear"},
        },
    },
    "optimizer/based": {"base": "adam-like"},
    "tiny/causal-lm": {
        "data": {"source": "built-in", "name": "stdlib-text"},
        "optimizer": {
            "params": {"lr": 0.01},
            "scheduler": {"params": {"warmup_num_steps": 0.2}},
        },
        "run": {"steps": 5, "batch": 4, "micro_batch": 2},
    },
    "recipes/good": GOOD,
}


class Catalog:
    """A folder of fragments and recipes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, content in FILES.items():
            self.write(name, content)

    def write(self, name: str, content: Any) -> Path:
        """Write an object, or a text as it is; the path of the file."""
        path = self.root / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    def recipe(self, name: str = "good", **sections: Any) -> Path:
        """The good recipe with other sections; None leaves one out."""
        content = {**GOOD, **sections}
        kept = {key: value for key, value in content.items() if value is not None}
        return self.write(f"recipes/{name}", kept)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """A fresh catalog, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    return Catalog(tmp_path)
