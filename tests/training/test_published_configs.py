"""Configurations of this repository: the papers' figures and the systems' sizes."""

import pytest
import torch

from mdx.systems.find import find_system
from mdx.systems.spec import SOURCES
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet, count_parameters
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet
from training.config import (
    MixerConfig,
    SeparatorConfig,
    read_config,
    read_mixer_config,
)
from training.data_config import DataConfig

# Random mixing only: augmented songs are on disk.
MIXING_ONLY = DataConfig(gain_db=0, whole_song=0, swap=False, flip=False, semitones=0, stretch=0)


def test_the_paper_s_separators() -> None:
    paper = read_config("paper")
    assert tuple(paper) == SOURCES
    # Kim et al. 2021, table of configurations: n_fft of each source.
    n_fft = {"vocals": 6144, "drums": 4096, "bass": 16384, "other": 8192}
    assert {source: config.n_fft for source, config in paper.items()} == n_fft
    # Section 3: RMSProp; rates of the released configurations, epochs of the README of branch
    # Leaderboard_A.
    rates = {"vocals": 2e-4, "drums": 1e-4, "bass": 1e-4, "other": 1e-4}
    epochs = {"vocals": 2360, "drums": 600, "bass": 1720, "other": 1720}
    for source, config in paper.items():
        assert config == SeparatorConfig(
            architecture="tfc_tdf_v2",
            n_fft=n_fft[source],
            # Section 2: 11 blocks, l = 3, g = 32, bn = 8, 2048 bins, hop 1024, 256 frames.
            hop=1024,
            dim_f=2048,
            train_frames=256,
            n_blocks=11,
            n_layers=3,
            growth=32,
            bottleneck=8,
            optimizer="rmsprop",
            schedule="constant",
            learning_rate=rates[source],
            loss="l1",  # section 3: L1 of waveforms
            data=MIXING_ONLY,
            frames=512,  # the released ONNX files
            steps=400 * epochs[source],
            batch=8,
            validate_every=4000,
        )
        size = config.size()
        assert isinstance(size, TfcTdfSpec) and size.kernel == 3  # k
        # Chunks of the released submission: 1024 * (2 * 256 - 1) samples.
        assert config.stft(config.frames).chunk == 523_264


@pytest.mark.parametrize(
    ("name", "kind", "parameters"),
    [("paper", TfcTdfUNet, 7_423_236), ("tfc_tdf_v1", TfcTdfV1UNet, 2_232_132)],
)
def test_published_sizes(name: str, kind: type[torch.nn.Module], parameters: int) -> None:
    with torch.device("meta"):  # shapes without memory
        networks = [config.build() for config in read_config(name).values()]
    assert [type(network) for network in networks] == [kind] * 4
    assert [count_parameters(network) for network in networks] == [parameters] * 4


def test_the_paper_s_mixer() -> None:
    # Section 2.3 and the released training code: RMSProp at 3e-3, at most 10 epochs.
    assert read_mixer_config("paper") == MixerConfig("rmsprop", learning_rate=0.003, epochs=10)


def test_v1_s_separators() -> None:
    v1 = read_config("tfc_tdf_v1")
    assert tuple(v1) == SOURCES and len(set(v1.values())) == 1
    # Choi et al. 2020, released code: "TFC_TDF_large".
    assert v1["vocals"] == SeparatorConfig(
        architecture="tfc_tdf_v1",
        n_fft=4096,
        hop=1024,
        dim_f=2049,
        train_frames=128,
        frames=128,
        n_blocks=9,
        n_layers=5,
        growth=24,
        bottleneck=16,
        optimizer="adam",
        schedule="constant",
        learning_rate=1e-3,
        loss="mse",
        data=MIXING_ONLY,
        steps=800 * 2000,
        batch=8,
        validate_every=8000,
    )
    size = v1["vocals"].size()
    assert isinstance(size, TfcTdfV1Spec) and (size.kernel, size.min_units) == (3, 16)
    assert v1["vocals"].stft(128).chunk == 130_048  # the window of the released code
    assert read_mixer_config("tfc_tdf_v1").method == "least_squares"


def test_the_demo_s_sizes_are_its_system_s() -> None:
    demo, system = read_config("demo"), find_system("demo")[0]
    assert set(demo) == set(SOURCES)
    options = {part.name: part.options for part in system.estimators}
    for source, config in demo.items():
        assert options[source] == {
            "n_fft": config.n_fft, "hop": config.hop, "dim_f": config.dim_f,
            "dim_t": config.frames,
        }  # fmt: skip
        assert config.stft(config.train_frames).step > 0
        assert (config.optimizer, config.schedule, config.learning_rate) == (
            "adam", "one_cycle", 0.003,
        )  # fmt: skip
        assert (config.loss, config.clip, config.ema) == ("mse", 1.0, 0.0)
        assert config.data == DataConfig(gain_db=6.0, whole_song=0.3, swap=True)
    assert read_mixer_config("demo").method == "least_squares"


def test_the_synthetic_network_has_its_published_kind_and_a_size_for_cpus() -> None:
    (config,) = read_config("synthetic").values()
    assert count_parameters(config.build()) == 2_564_640
