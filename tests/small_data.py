"""A few small files in the layouts of the real data sets, for checkouts without ../shared/data."""

import json
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = {"train": 3, "validation": 1, "test": 2}  # files of a class, or rows of a table
QUESTIONS = {"card_arrival": "where is my card", "atm_support": "which machines take it"}
DIGITS = ("zero", "one", "two")
SENTENCES = ("the quick brown fox", "jumps over the lazy dog", "while seven wizards boxed")
VERSES = {"train": "First Citizen:\nSpeak, speak.\n", "validation": "All:\nNo.\n", "test": "Go."}


def write_small_data(folder: Path) -> Path:
    """Writes one folder for each real data set and a checkpoint; returns `folder`."""
    write_clips(folder / "asr_fsdd", "wav", 8000, DIGITS)
    write_clips(folder / "asr_ljspeech32", "flac", 22050, SENTENCES)
    write_questions(folder / "cls_banking77")
    write_photographs(folder / "img_signdigits")
    (folder / "lm_tinyshakespeare").mkdir()
    for split, text in VERSES.items():
        (folder / "lm_tinyshakespeare" / f"{split}.txt").write_text(text * 400, encoding="utf-8")
    write_checkpoint(folder / "ckpt_aidreams260k")
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as JSON, one a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_clips(folder: Path, suffix: str, rate: int, texts: tuple[str, ...]) -> None:
    """A metadata.jsonl a split beside its clips; clip `take` of a text is 0.2 s + take * 0.05 s."""
    import soundfile

    noise = np.random.default_rng(0)
    for split, count in SPLITS.items():
        rows = []
        for label, text in enumerate(texts):
            for take in range(count):
                name = f"{label}_{take}.{suffix}"
                rows.append({"file_name": name, "transcription": text, "label": label})
                (folder / split).mkdir(parents=True, exist_ok=True)
                clip = 0.1 * noise.standard_normal(int(rate * (0.2 + 0.05 * take)))
                soundfile.write(folder / split / name, clip, rate)
        write_lines(folder / split / "metadata.jsonl", rows)


def write_questions(folder: Path) -> None:
    """A table a split with a number and a name for each class."""
    for split, count in SPLITS.items():
        rows = [
            {"text": f"{question} {number}?", "label": label, "label_text": name}
            for label, (name, question) in enumerate(QUESTIONS.items())
            for number in range(count)
        ]
        write_lines(folder / f"{split}.jsonl", rows)
    (folder / "labels.json").write_text(json.dumps(list(QUESTIONS)), encoding="utf-8")


def write_photographs(folder: Path) -> None:
    """JPEGs of 100 x 100 noisy pixels in a folder a class in a folder a split."""
    from PIL import Image

    noise = np.random.default_rng(0)
    for split, count in SPLITS.items():
        for digit in "012":
            (folder / split / digit).mkdir(parents=True)
            for number in range(count):
                pixels = noise.integers(0, 256, (100, 100, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / digit / f"IMG_{number}.JPG")


def write_checkpoint(folder: Path) -> None:
    """A Llama of transformers' own making, with a tokenizer of bytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer

    tokenizer = byte_tokenizer(CAUSAL)
    config = LlamaConfig(
        vocab_size=264,  # 257 ids, and what divides among slices
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
