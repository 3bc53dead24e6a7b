"""What changes in a clip in training: speed, silence, noise, and masks over its spectrogram."""

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.recipe.spec.tasks.speech import SpecAugment, SpeechAugment


def augmented_clip(
    audio: np.ndarray, rate: int, augment: SpeechAugment, rng: np.random.Generator
) -> np.ndarray:
    """The clip, float32 (samples,), at another speed, between silences, under white noise."""
    if augment.speed != (1.0, 1.0):
        audio = faster(audio, rate, rng.uniform(*augment.speed))
    if augment.silence:
        # Half of the ends have none: evaluation and the exported folder hear clips as they are.
        seconds = rng.uniform(-augment.silence, augment.silence, 2).clip(0)
        audio = _between(audio, rate, seconds)
    if augment.noise:
        audio = _noisy(audio, rng.uniform(*augment.noise), rng)
    return audio.astype(np.float32, copy=False)


def drawn_masks(
    frames: int, bins: int, augment: SpecAugment, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Which frames (frames,) and which bins (bins,) of a clip are hidden, bool (Park 2019).

    A `time_width` below 1 is a share of the clip.
    """
    share = isinstance(augment.time_width, float)
    longest = int(augment.time_width * frames) if share else int(augment.time_width)
    times, bands = torch.zeros(frames, dtype=torch.bool), torch.zeros(bins, dtype=torch.bool)
    for _ in range(augment.freq_masks):
        bands[_band(bins, augment.freq_width, rng)] = True
    for _ in range(augment.time_masks):
        times[_band(frames, longest, rng)] = True
    return times, bands


def masked(features: Tensor, times: Tensor, bands: Tensor, frames: Tensor) -> Tensor:
    """Features (batch, frames, bins) with what is hidden set to 0, their mean, of each clip within
    its own `frames` (batch,); times (batch, any frames), bands (batch, bins).
    """
    length = features.shape[1]
    there = torch.arange(length, device=features.device) < frames[:, None]
    times = F.pad(times, (0, length - times.shape[1]))
    hidden = (times[:, :, None] | bands[:, None]) & there[:, :, None]
    return features.masked_fill(hidden, 0.0)


def resampled(audio: np.ndarray, rate: float, wanted: float) -> np.ndarray:
    """The clip at another sampling rate, float32, without what that rate cannot hold (soxr, HQ)."""
    if rate == wanted:
        return audio
    found: np.ndarray = soxr.resample(audio.astype(np.float32, copy=False), rate, wanted)
    return found


def faster(audio: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """The clip at `factor` times its speed, and so its pitch: resampled, as by SoX's `speed`."""
    return resampled(audio, rate * factor, rate)


def _between(audio: np.ndarray, rate: int, seconds: np.ndarray) -> np.ndarray:
    before, after = (seconds * rate).astype(int)
    return np.pad(audio, (int(before), int(after)))


def _noisy(audio: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """White noise with `ratio` dB less power than the clip has on average."""
    power = float(np.mean(np.square(audio, dtype=np.float64)))
    return audio + np.sqrt(power) * 10 ** (-ratio / 20) * rng.standard_normal(len(audio))


def _band(length: int, longest: int, rng: np.random.Generator) -> slice:
    width = int(rng.integers(0, min(longest, length) + 1))
    start = int(rng.integers(0, length - width + 1))
    return slice(start, start + width)
