"""Built-in `morse`: words keyed in Morse code, with varying speed, pitch, loudness and noise.

Training rows are a virtual set: each clip is synthesized from its index alone. 70 % of them are
one to three random letters, the rest are words (a curriculum without which a small Conformer does
not start to learn). Words of validation and test are
never keyed in training.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from zoo.data.builtin.text import library, library_files
from zoo.data.cache import cached
from zoo.data.rows import Row, Rows, digest
from zoo.data.sources.opened import Opened, Wanted

RATE = 8000  # Hz
_SIGNS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- "
    "-. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
)
CODE = dict(zip("abcdefghijklmnopqrstuvwxyz", _SIGNS.split(), strict=True))
_GAP = 3  # dots between letters
_DOTS = {  # of a letter's marks, a gap of one after each, and what lacks of the gap between letters
    letter: sum(4 if mark == "-" else 2 for mark in signs) + _GAP - 1
    for letter, signs in CODE.items()
}
_LETTERS = (2, 5)  # of a word
_SPEED = (30.0, 40.0)  # words per minute; a dot is 1.2 / speed seconds
_SNR = (15.0, 30.0)  # dB, the keyed tone against noise over the whole band
_PITCH = (400.0, 900.0)  # Hz
_LOUDNESS = (-1.5, -0.1)  # powers of ten
_SILENCE = (0.05, 0.2)  # seconds at each end
_RANDOM_LETTERS = 0.7  # share of the training clips
_SEEN = 3  # times a word must stand in the library
_HELD_OUT = 250  # words kept for validation, and as many for test
_EDGE = RATE // 100  # samples of a 10 ms Hann window
_CLIPS = {"train": 200_000, "validation": 200, "test": 200}
_VERSION = 1


class MorseRows(Rows):
    """Clips of one split: audio float32 (samples,) at 8 kHz, and the transcript in lower case."""

    roles = frozenset({"audio", "transcript"})

    def __init__(self, split: str, words: dict[str, list[str]]) -> None:
        self.number = list(_CLIPS).index(split)
        count = _CLIPS[split]
        rng = np.random.default_rng([_VERSION, self.number])
        if split == "train":
            self.texts = _curriculum(count, words, rng)
        else:
            self.texts = [words[split][i] for i in rng.permutation(len(words[split]))[:count]]
        self.speed = rng.uniform(*_SPEED, count)
        self.snr = rng.uniform(*_SNR, count)
        self.pitch = rng.uniform(*_PITCH, count)
        self.loudness = 10 ** rng.uniform(*_LOUDNESS, count)
        self.silence = rng.uniform(*_SILENCE, (count, 2))
        self.fingerprint = digest("morse", _VERSION, split, words)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> Row:
        rng = np.random.default_rng([_VERSION, self.number, index])
        keyed = envelope(self.texts[index], 1.2 / self.speed[index], self.silence[index])
        turns = np.arange(len(keyed)) * (self.pitch[index] / RATE) + rng.random()
        tone = keyed * np.sin(2 * np.pi * turns)
        noise = 10 ** (-self.snr[index] / 20) / np.sqrt(2)
        clip = self.loudness[index] * (tone + noise * rng.standard_normal(len(keyed)))
        audio = clip.astype(np.float32)
        return {"audio": audio, "sampling_rate": RATE, "transcript": self.texts[index]}

    def pieces(self, index: int, role: str = "transcript") -> Iterator[str]:
        """The transcript, without keying a clip."""
        assert role == "transcript"
        yield self.texts[index]

    def lengths(self) -> np.ndarray:
        dots_of = {text: sum(map(_DOTS.__getitem__, text)) - _GAP for text in set(self.texts)}
        dots = np.array([dots_of[text] for text in self.texts])
        return dots * 1.2 / self.speed + self.silence.sum(axis=1)


def marks(text: str) -> list[tuple[int, int]]:
    """(start, length) of each mark, in dots: a dash is 3, gaps are 1, between letters 3."""
    found, start = [], 0
    for letter in text:
        for mark in CODE[letter]:
            length = 3 if mark == "-" else 1
            found.append((start, length))
            start += length + 1
        start += _GAP - 1
    return found


def envelope(text: str, dot: float, silence: np.ndarray) -> np.ndarray:
    """Loudness in 0..1, float64 (samples,): silence, the marks with Hann-smoothed edges, silence.

    `dot` and the two `silence`s are in seconds.
    """
    last, length = marks(text)[-1]
    before, after = (silence * RATE).astype(int)
    keyed = np.zeros(before + round((last + length) * dot * RATE) + after)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(_EDGE) + 0.5) / _EDGE)
    for start, length in marks(text):
        first = before + round(start * dot * RATE) - _EDGE // 2
        end = before + round((start + length) * dot * RATE) - _EDGE // 2
        keyed[first : first + _EDGE] = rise
        keyed[first + _EDGE : end] = 1
        keyed[end : end + _EDGE] = rise[::-1]
    return keyed


def _curriculum(count: int, words: dict[str, list[str]], rng: np.random.Generator) -> list[str]:
    """Random letters or training words; letters that spell a held-out word are cut to one."""
    held = {word for split in ("validation", "test") for word in words[split]}
    alphabet = "".join(CODE)
    spelled = ["".join(text) for size in (1, 2, 3) for text in product(alphabet, repeat=size)]
    cut = np.array([text in held for text in spelled])
    kinds = rng.random(count) < _RANDOM_LETTERS
    sizes = rng.integers(1, 4, count)
    letters = rng.integers(0, len(alphabet), (count, 3))
    training = rng.integers(0, len(words["train"]), count)
    place = np.zeros(count, dtype=np.int64)  # among the texts of its size
    for letter in range(3):
        place = np.where(letter < sizes, place * len(alphabet) + letters[:, letter], place)
    first_of_size = np.cumsum([0, 0, len(alphabet), len(alphabet) ** 2])
    random = first_of_size[sizes] + place
    random = np.where(cut[random], letters[:, 0], random)
    texts = np.array([*spelled, *words["train"]], dtype=object)
    chosen: list[str] = texts[np.where(kinds, random, len(spelled) + training)].tolist()
    return chosen


def open_morse(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (200,000 virtual clips), validation and test (200 words of their own)."""
    fingerprint = digest("morse", _VERSION, sys.version, library_files())
    folder = cached(root, fingerprint, _build)
    return Opened(MorseRows(split, json.loads((folder / "words.json").read_text())))


def _build(folder: Path) -> None:
    """Writes the words of each split, out of the library's identifiers, by a fixed seed."""
    words = _words()
    mixed = [words[i] for i in np.random.default_rng(_VERSION).permutation(len(words))]
    cuts = {
        "validation": mixed[:_HELD_OUT],
        "test": mixed[_HELD_OUT : 2 * _HELD_OUT],
        "train": mixed[2 * _HELD_OUT :],
    }
    (folder / "words.json").write_text(json.dumps(cuts))


def _words() -> list[str]:
    """Lower-case words that the library's identifiers are made of, sorted."""
    identifiers: Counter[str] = Counter()
    for path in library_files():
        text = (library() / path).read_text(encoding="utf-8", errors="replace")
        identifiers.update(re.findall(r"[A-Za-z_]+", text))
    seen: Counter[str] = Counter()
    for identifier, times in identifiers.items():
        for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier):
            seen[word.lower()] += times
    low, high = _LETTERS
    return sorted(
        word for word, times in seen.items() if times >= _SEEN and low <= len(word) <= high
    )
