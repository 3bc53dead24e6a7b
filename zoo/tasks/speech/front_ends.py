"""From clips to what a model reads, in two parts: what a worker hands over, and what is made of a
micro-batch of it where the model is.

Each front end gives the numbers of an extractor of transformers, and is tested against it. Power is
re^2 + im^2, not the square of a root; and of Whisper's window only what holds sound is computed.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    ParakeetFeatureExtractor,
    SequenceFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)
from transformers.models.parakeet.feature_extraction_parakeet import (
    EPSILON,
    LOG_ZERO_GUARD_VALUE,
)

from zoo.data.rows import Example
from zoo.tasks.speech.augment import masked
from zoo.tasks.speech.features import features_of, stacked
from zoo.tasks.speech.windows import windowed

_SILENCE, _RANGE = 1e-10, 8.0  # Whisper's least power, and how far below the loudest it hears
_LEAST_VARIANCE = 1e-7  # wav2vec2's


class FrontEnd(ABC):
    """How clips of an extractor's rate become features."""

    def __init__(self, extractor: SequenceFeatureExtractor) -> None:
        self.extractor = extractor

    @abstractmethod
    def heard(self, audio: np.ndarray) -> tuple[Tensor, int]:
        """What a worker hands over of a clip, time first, and how many frames the model reads of
        it.
        """

    @abstractmethod
    def features(self, clips: Tensor, sizes: Tensor) -> Tensor:
        """What a model reads of clips that were handed over, padded with 0 on the right, `sizes`
        (batch,) without it: float32 (batch, frames, bins) or (batch, samples).
        """


class Extracted(FrontEnd):
    """Features made in the worker by an extractor of which nothing else is known."""

    def heard(self, audio: np.ndarray) -> tuple[Tensor, int]:
        """Features (frames, bins)."""
        found = features_of(self.extractor, audio)
        return found, len(found)

    def features(self, clips: Tensor, sizes: Tensor) -> Tensor:
        """The same."""
        return clips


class ExtractedWindow(Extracted):
    """The same of an extractor that fills a window."""

    def heard(self, audio: np.ndarray) -> tuple[Tensor, int]:
        """Features (frames of the window, bins), and the frames of the clip."""
        found, frames = windowed(self.extractor, audio)
        return found.T, frames


class Waveform(FrontEnd):
    """wav2vec2's: each clip with mean 0 and variance 1."""

    def heard(self, audio: np.ndarray) -> tuple[Tensor, int]:
        """Samples."""
        return torch.from_numpy(audio), len(audio)

    def features(self, clips: Tensor, sizes: Tensor) -> Tensor:
        """Samples, and 0 where there are none."""
        if not self.extractor.do_normalize:
            return clips
        there, counts = _before(sizes, clips.shape[1]), sizes[:, None]
        centred = (clips - clips.sum(1, keepdim=True) / counts) * there
        variance = centred.square().sum(1, keepdim=True) / counts
        return centred / (variance + _LEAST_VARIANCE).sqrt()


class Mels(FrontEnd):
    """Parakeet's: log-mel over pre-emphasised samples, each bin of a clip with mean 0 and
    deviation 1.
    """

    def heard(self, audio: np.ndarray) -> tuple[Tensor, int]:
        """Samples, and whole hops."""
        return torch.from_numpy(audio), len(audio) // self.extractor.hop_length

    def features(self, clips: Tensor, sizes: Tensor) -> Tensor:
        """(batch, frames, bins), 0 beyond a clip's own frames."""
        own, factor = self.extractor, self.extractor.preemphasis
        if factor is not None:
            before = F.pad(clips[:, :-1], (1, 0))
            clips = (clips - factor * before) * _before(sizes, clips.shape[1])
        window = torch.hann_window(own.win_length, periodic=False, device=clips.device)
        power = _power(clips, own.n_fft, own.hop_length, window, "constant")
        longest, frames = clips.shape[1] // own.hop_length, sizes // own.hop_length
        mels = own.mel_filters.to(clips.device) @ power[..., :longest]
        logs = (mels + LOG_ZERO_GUARD_VALUE).log_()
        there, counts = _before(frames, longest)[:, None], frames[:, None, None]
        centred = (logs - (logs * there).sum(2, keepdim=True) / counts) * there
        variance = centred.square().sum(2, keepdim=True) / (counts - 1)
        return (centred / (variance.sqrt() + EPSILON)).transpose(1, 2)


class WindowMels(FrontEnd):
    """Whisper's: log-mel of a window of fixed length, down to a range below its loudest."""

    def heard(self, audio: np.ndarray) -> tuple[Tensor, int]:
        """Samples that the window holds, and begun hops."""
        kept = audio[: self.extractor.n_samples]
        frames = min(int(self.extractor.nb_max_frames), -(-len(kept) // self.extractor.hop_length))
        return torch.from_numpy(kept), frames

    def features(self, clips: Tensor, sizes: Tensor) -> Tensor:
        """(batch, frames of the window, bins)."""
        own = self.extractor
        hops = -(-(clips.shape[1] + own.n_fft) // own.hop_length)  # behind them all is silence
        clips = F.pad(clips, (0, min(hops * own.hop_length, own.n_samples) - clips.shape[1]))
        window = torch.hann_window(own.n_fft, device=clips.device)
        power = _power(clips, own.n_fft, own.hop_length, window, "reflect")[..., :-1]
        filters = torch.from_numpy(own.mel_filters).to(clips.device, torch.float32)
        logs = (filters.T @ power.contiguous()).clamp(min=_SILENCE).log10()
        silence = np.log10(_SILENCE)
        logs = F.pad(logs, (0, own.nb_max_frames - logs.shape[2]), value=silence)
        logs = torch.maximum(logs, logs.amax((1, 2), keepdim=True) - _RANGE)
        return ((logs + 4.0) / 4.0).transpose(1, 2)


def front_end(extractor: SequenceFeatureExtractor, windows: bool = False) -> FrontEnd:
    """The front end of an extractor; of one that is not known, or draws noise, the extractor itself
    in the workers. `windows`: it fills a window.
    """
    known: dict[type, type[FrontEnd]] = {
        ParakeetFeatureExtractor: Mels,
        Wav2Vec2FeatureExtractor: Waveform,
        WhisperFeatureExtractor: WindowMels,
    }
    made = known.get(type(extractor))
    if made is None or getattr(extractor, "dither", False):
        made = ExtractedWindow if windows else Extracted
    return made(extractor)


def handed_over(examples: list[Example]) -> dict[str, Tensor]:
    """The inputs of a micro-batch of what is `heard`: "clips", their "sizes", the "frames" of each,
    and the "times" and "bands" that are hidden, if some are.
    """
    clips, sizes = stacked([example["clip"] for example in examples])
    frames = torch.tensor([example["frames"] for example in examples])
    found = {"clips": clips, "sizes": sizes, "frames": frames}
    if examples[0].get("hidden") is None:
        return found
    times, bands = zip(*(example["hidden"] for example in examples), strict=True)
    return {**found, "times": stacked(list(times))[0], "bands": torch.stack(list(bands))}


def read(front: FrontEnd, inputs: Mapping[str, Tensor]) -> Tensor:
    """What the model reads of what was handed over: features, masked where that was drawn."""
    features = front.features(inputs["clips"], inputs["sizes"])
    if "times" not in inputs:
        return features
    return masked(features, inputs["times"], inputs["bands"], inputs["frames"])


def _before(sizes: Tensor, length: int) -> Tensor:
    """Whether each place of so many belongs to the clip: bool (batch, length)."""
    return torch.arange(length, device=sizes.device) < sizes[:, None]


def _power(clips: Tensor, size: int, hop: int, window: Tensor, pad: str) -> Tensor:
    """The power spectrogram (batch, size // 2 + 1, frames)."""
    found = torch.stft(clips, size, hop, len(window), window, pad_mode=pad, return_complex=True)
    return found.real.square() + found.imag.square()
