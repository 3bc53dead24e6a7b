"""What is made of a micro-batch of clips where the model is: an extractor's own numbers."""

import numpy as np
import pytest
import torch
from transformers import (
    ParakeetFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from zoo.tasks.speech.features import features_of, stacked
from zoo.tasks.speech.front_ends import (
    Extracted,
    ExtractedWindow,
    Mels,
    Waveform,
    WindowMels,
    front_end,
    handed_over,
    read,
)
from zoo.tasks.speech.windows import windowed

SMALL = {"feature_size": 8, "sampling_rate": 8000, "hop_length": 80, "n_fft": 256}
PARAKEETS = {
    "of NeMo": {},
    "small": {**SMALL, "win_length": 200},
    "plain": {**SMALL, "win_length": 200, "preemphasis": None},
}
WHISPERS = {
    "of OpenAI": {"chunk_length": 3},
    "small": {**SMALL, "hop_length": 160, "chunk_length": 2},
    "of many bins": {"feature_size": 128, "chunk_length": 2},
}


def clips(*sizes: int) -> list[np.ndarray]:
    """Noise that swells, and one clip with silence in it."""
    rng = np.random.default_rng(0)
    found = [rng.standard_normal(size) * np.sin(np.arange(size) / 900) for size in sizes]
    found[-1][: sizes[-1] // 3] = 0
    return [one.astype(np.float32) for one in found]


def made(front, heard):
    """The features of a micro-batch as a worker hands it over."""
    examples = [{"clip": clip, "frames": frames} for clip, frames in map(front.heard, heard)]
    inputs = handed_over(examples)
    return read(front, inputs), inputs["frames"].tolist()


@pytest.mark.parametrize("name", PARAKEETS)
def test_parakeets_features_alone_and_in_a_batch_are_its_extractors(name):
    extractor = ParakeetFeatureExtractor(**PARAKEETS[name])
    heard = clips(16000, 22400, 15999, 9001)
    front = front_end(extractor)
    found, frames = made(front, heard)
    wanted, lengths = stacked([features_of(extractor, clip) for clip in heard])
    theirs = extractor(heard, sampling_rate=extractor.sampling_rate, return_tensors="pt")
    assert isinstance(front, Mels) and frames == lengths.tolist()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    together = theirs["input_features"][:, : found.shape[1]]
    torch.testing.assert_close(found, together, atol=1e-5, rtol=0)


@pytest.mark.parametrize("normal", [True, False])
def test_waveforms_are_normalised_as_wav2vec2s_extractor_does(normal):
    extractor = Wav2Vec2FeatureExtractor(do_normalize=normal)
    heard = [clip * 0.01 + 0.2 for clip in clips(16000, 22400, 15999)]
    front = front_end(extractor)
    found, frames = made(front, heard)
    wanted, lengths = stacked([features_of(extractor, clip) for clip in heard])
    assert isinstance(front, Waveform) and frames == lengths.tolist()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", WHISPERS)
def test_whispers_window_is_its_extractors(name):
    extractor = WhisperFeatureExtractor(**WHISPERS[name])
    window, front = extractor.n_samples, front_end(extractor, windows=True)
    assert isinstance(front, WindowMels)
    for sizes in ((9000, 12345, 161), (window, 500), (window - 100, 700), (2 * window, 800)):
        heard = clips(*sizes)
        found, frames = made(front, heard)
        wanted = [windowed(extractor, clip) for clip in heard]
        assert frames == [own for _, own in wanted]
        theirs = torch.stack([features.T for features, _ in wanted])
        torch.testing.assert_close(found, theirs, atol=1e-5, rtol=0)


class Unknown(ParakeetFeatureExtractor):
    """Another's extractor."""


def test_an_extractor_that_is_not_known_or_draws_noise_stays_in_the_worker():
    assert type(front_end(WhisperFeatureExtractor(dither=0.1), windows=True)) is ExtractedWindow
    extractor = Unknown(**SMALL, win_length=200)
    front = front_end(extractor)
    assert type(front) is Extracted
    heard = clips(8000, 6000)
    found, frames = made(front, heard)
    wanted, lengths = stacked([features_of(extractor, clip) for clip in heard])
    assert torch.equal(found, wanted) and frames == lengths.tolist()
