import json

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForCTC

from zoo.errors import ConfigError
from zoo.recipe.spec.tasks.speech import SpecAugment, SpeechAugment
from zoo.tasks.build import build_task
from zoo.tasks.speech.augment import augmented_clip, drawn_masks, faster, masked, resampled
from zoo.tasks.speech.features import features_of, least_samples, output_lengths

WAV2VEC2 = {
    "model_type": "wav2vec2-conformer",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "feat_extract_norm": "layer",
    "vocab_size": 30,
}


def parakeet(factor):
    encoder = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "subsampling_factor": factor,
        "subsampling_conv_channels": 4,
        "num_mel_bins": 16,
    }
    return AutoConfig.for_model("parakeet_ctc", encoder_config=encoder)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_parakeets_frames_are_the_models_own(factor):
    config = parakeet(factor)
    model = AutoModelForCTC.from_config(config).eval()
    lengths = torch.arange(9, 120)
    wanted = model._get_subsampling_output_length(lengths)
    assert torch.equal(output_lengths(config, lengths), wanted.long())
    for length in (9, 50, 119):
        logits = model(input_features=torch.randn(1, length, 16)).logits
        assert logits.shape[1] == output_lengths(config, torch.tensor([length])).item()


@pytest.mark.parametrize("adapter", [False, True])
def test_wav2vec2s_frames_are_the_models_own(adapter):
    config = AutoConfig.for_model(**WAV2VEC2, add_adapter=adapter)
    model = AutoModelForCTC.from_config(config).eval()
    lengths = torch.arange(400, 1400, 7)
    wanted = model._get_feat_extract_output_lengths(lengths)
    assert torch.equal(output_lengths(config, lengths), wanted.long())


def test_the_shortest_waveform_gives_one_frame():
    config = AutoConfig.for_model(**WAV2VEC2)
    shortest = least_samples(AutoFeatureExtractor, config)
    assert output_lengths(config, torch.tensor([shortest, shortest - 1])).tolist() == [1, 0]


def test_a_waveform_is_normalised(make_recipe, make_source, make_batch):
    recipe = make_recipe("ctc", config=WAV2VEC2, processor={"sampling_rate": 8000})
    task = build_task(recipe, make_source("ctc"))
    rows = make_source("ctc").train
    features = make_batch(task, rows, 2)["inputs"]["input_values"]
    assert features.shape == (2, 8800)
    for clip in (features[0, :8000], features[1]):
        assert abs(clip.mean()) < 1e-5
        assert clip.std() == pytest.approx(1.0, abs=1e-3)
    assert not features[0, 8000:].any()


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_only_layer_normalised_wav2vec2_reads_a_mask(norm, make_recipe, make_source, make_batch):
    config = {**WAV2VEC2, "feat_extract_norm": norm}
    recipe = make_recipe("ctc", config=config, processor={"sampling_rate": 8000})
    task = build_task(recipe, make_source("ctc"))
    batch = make_batch(task, make_source("ctc").train)
    assert ("attention_mask" in batch["inputs"]) == (norm == "layer")
    assert task.extractor.return_attention_mask == (norm == "layer")


def test_the_exported_extractor_gives_the_same_features(make_recipe, make_source, tmp_path):
    task = build_task(make_recipe("ctc"), make_source("ctc"))
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    again = AutoFeatureExtractor.from_pretrained(tmp_path)
    clip = make_source("ctc").train[0]["audio"]
    assert again.sampling_rate == 8000
    torch.testing.assert_close(features_of(again, clip), features_of(task.extractor, clip))


def test_a_names_extractor_keeps_every_key_of_its_file(make_recipe, make_source, tmp_path):
    config = AutoConfig.for_model(**WAV2VEC2, conv_bias=True)
    config.save_pretrained(tmp_path)
    given = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "a_key_of_its_maker": "kept",
        "do_normalize": False,
        "padding_value": 0.5,
        "return_attention_mask": True,
        "sampling_rate": 8000,
        "feature_size": 1,
        "padding_side": "right",
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(given))
    recipe = make_recipe("ctc", name=str(tmp_path), config={}, processor={"padding_value": 0.0})
    build_task(recipe, make_source("ctc")).save(tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert saved == {**given, "padding_value": 0.0}


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ({"config": {"model_type": "whisper"}}, "model.config.model_type"),
        ({"processor": {"feature_sise": 8}}, "model.processor.feature_sise"),
        (
            {"config": {"model_type": "parakeet_ctc", "encoder_config": {"num_mel_bins": 80}}},
            "model.config.encoder_config.num_mel_bins",
        ),
        ({"processor": {"feature_size": 2}}, "model.processor.feature_size"),
    ],
)
def test_what_the_family_cannot_do_is_a_fault(model, key, make_recipe, make_source):
    with pytest.raises(ConfigError) as caught:
        build_task(make_recipe("ctc", **model), make_source("ctc"))
    assert key in [fault.key for fault in caught.value.faults]


def tone(pitch, rate, seconds=1.0):
    return np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate).astype(np.float32)


def inside(clip):
    """Without the edges, where filters ring."""
    return clip[1000:-1000]


@pytest.mark.parametrize("pitch", [440, 3300])
@pytest.mark.parametrize(("rate", "wanted"), [(22050, 16000), (8000, 16000), (48000, 16000)])
def test_resampling_keeps_what_both_rates_can_hold(rate, wanted, pitch):
    found = resampled(tone(pitch, rate), rate, wanted)
    assert (len(found), found.dtype) == (wanted, np.float32)
    assert np.abs(inside(found - tone(pitch, wanted))).max() < 1e-3


@pytest.mark.parametrize("pitch", [8200, 9000, 10000])
def test_resampling_removes_what_the_new_rate_cannot_hold(pitch):
    found = resampled(tone(pitch, 22050), 22050, 16000)
    assert 20 * np.log10(inside(np.abs(found)).max()) < -18


def test_speed_changes_length_and_pitch():
    fast = augmented_clip(
        tone(400, 8000), 8000, SpeechAugment(speed=(1.25, 1.25)), np.random.default_rng(0)
    )
    assert (len(fast), fast.dtype) == (6400, np.float32)
    assert np.abs(inside(fast - tone(500, 8000, 0.8))).max() < 1e-3


def test_what_is_too_high_at_another_speed_is_gone_and_not_folded_down():
    assert np.abs(inside(faster(tone(3600, 8000), 8000, 1.18))).max() < 0.01
    slow = inside(faster(tone(3600, 8000), 8000, 0.8))
    assert np.abs(slow - inside(tone(2880, 8000, 1.25))).max() < 1e-3


def test_noise_has_the_asked_for_power():
    tone = np.sin(2 * np.pi * 400 * np.arange(80000) / 8000).astype(np.float32)
    noisy = augmented_clip(tone, 8000, SpeechAugment(noise=(10.0, 10.0)), np.random.default_rng(0))
    ratio = np.mean(tone**2) / np.mean((noisy - tone) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(10.0, abs=0.1)


def test_silence_stands_at_half_of_the_ends():
    clip, ends = np.ones(800, dtype=np.float32), []
    for seed in range(200):
        found = augmented_clip(clip, 8000, SpeechAugment(silence=0.1), np.random.default_rng(seed))
        sounding = np.flatnonzero(found)
        assert found.sum() == 800
        ends += [sounding[0], len(found) - 1 - sounding[-1]]
    assert 0.4 < np.mean(np.array(ends) == 0) < 0.6
    assert 700 < max(ends) <= 800


def test_evaluation_hears_what_the_exported_extractor_hears(
    make_recipe, make_source, make_batch, tmp_path
):
    augment = {"silence": 0.1, "speed": [0.8, 1.2], "noise": [5.0, 9.0]}
    task = build_task(make_recipe("ctc", {"augment": augment}), make_source("ctc"))
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    row = make_source("ctc").train[0]
    wanted = features_of(AutoFeatureExtractor.from_pretrained(tmp_path), row["audio"])
    found = make_batch(task, [row], 1)["inputs"]["input_features"][0]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_spec_augment_hides_bands_and_stretches():
    plan = SpecAugment(freq_masks=1, freq_width=3, time_masks=2, time_width=0.1)
    features, frames = torch.ones(30, 100, 8), torch.full((30,), 100)
    rngs = map(np.random.default_rng, range(30))
    times, bands = zip(*(drawn_masks(100, 8, plan, rng) for rng in rngs), strict=True)
    found = masked(features, torch.stack(times), torch.stack(bands), frames)
    hidden_bins = set((found.sum(1) == 0).sum(1).tolist())
    hidden_frames = set((found.sum(2) == 0).sum(1).tolist())
    assert hidden_bins == {0, 1, 2, 3}
    assert max(hidden_frames) <= 20
    assert len(hidden_frames) > 5
    assert features.sum() == 30 * 800


def test_masks_end_with_the_clip():
    times, bands = torch.ones(2, 4, dtype=torch.bool), torch.ones(2, 3, dtype=torch.bool)
    found = masked(torch.ones(2, 6, 3), times, bands, torch.tensor([4, 2]))
    assert (found == 0).all(2).sum(1).tolist() == [4, 2]
