"""What changes in a clip in training: speed, silence, noise, and masks over its spectrogram."""

import numpy as np
from torch import Tensor

from zoo.recipe.spec.task import SpecAugment, SpeechAugment


def augmented_clip(
    audio: np.ndarray, rate: int, augment: SpeechAugment, rng: np.random.Generator
) -> np.ndarray:
    """The clip, float32 (samples,), at another speed, between silences, under white noise."""
    if augment.speed != (1.0, 1.0):
        audio = _faster(audio, rng.uniform(*augment.speed))
    if augment.silence:
        audio = _between(audio, rate, rng.uniform(0, augment.silence, 2))
    if augment.noise:
        audio = _noisy(audio, rng.uniform(*augment.noise), rng)
    return audio.astype(np.float32, copy=False)


def between_usual_silences(audio: np.ndarray, rate: int, augment: SpeechAugment) -> np.ndarray:
    """The clip as evaluation hears it: between silences of the length usual in training."""
    return _between(audio, rate, np.full(2, augment.silence / 2)) if augment.silence else audio


def masked(features: Tensor, augment: SpecAugment, rng: np.random.Generator) -> Tensor:
    """Features (frames, bins) with bands and stretches of time set to 0, their mean (Park 2019).

    A `time_width` below 1 is a share of the clip.
    """
    features = features.clone()
    frames, bins = features.shape
    share = isinstance(augment.time_width, float)
    longest = int(augment.time_width * frames) if share else int(augment.time_width)
    for _ in range(augment.freq_masks):
        features[:, _band(bins, augment.freq_width, rng)] = 0
    for _ in range(augment.time_masks):
        features[_band(frames, longest, rng)] = 0
    return features


def resampled(audio: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """The clip at another sampling rate, float32, through a polyphase low-pass filter."""
    if rate == wanted:
        return audio
    from scipy.signal import resample_poly  # slow to import, and most data needs none of it

    divisor = int(np.gcd(rate, wanted))
    return resample_poly(audio, wanted // divisor, rate // divisor).astype(np.float32)


def _between(audio: np.ndarray, rate: int, seconds: np.ndarray) -> np.ndarray:
    before, after = (seconds * rate).astype(int)
    return np.pad(audio, (int(before), int(after)))


def _faster(audio: np.ndarray, factor: float) -> np.ndarray:
    """Plays faster and so higher, by linear interpolation."""
    places = np.arange(max(1, round(len(audio) / factor))) * factor
    return np.interp(places, np.arange(len(audio)), audio)


def _noisy(audio: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """White noise with `ratio` dB less power than the clip has on average."""
    power = float(np.mean(np.square(audio, dtype=np.float64)))
    return audio + np.sqrt(power) * 10 ** (-ratio / 20) * rng.standard_normal(len(audio))


def _band(length: int, longest: int, rng: np.random.Generator) -> slice:
    width = int(rng.integers(0, min(longest, length) + 1))
    start = int(rng.integers(0, length - width + 1))
    return slice(start, start + width)
