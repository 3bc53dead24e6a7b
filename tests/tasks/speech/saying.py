"""Logits that spell texts, and the vocabulary of a wav2vec2 checkpoint."""

import json

import torch
from transformers import Wav2Vec2CTCTokenizer


def saying(task, texts, frames):
    """Logits whose best path spells the texts, each letter on two frames and a blank."""
    logits = torch.zeros(len(texts), frames, task.config.vocab_size)
    logits[..., task.spelling.blank] = 5.0
    for line, text in zip(logits, texts, strict=True):
        for place, token in enumerate(task.spelling.encode(text)):
            line[3 * place : 3 * place + 2, token] = 9.0
    return logits


def vocabulary(folder, letters):
    """The tokenizer of a wav2vec2 checkpoint with these letters."""
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    (folder / "vocab.json").write_text(json.dumps({c: i for i, c in enumerate(names)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder / "saved")
    return str(folder / "saved")
