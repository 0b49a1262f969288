"""What a separator refuses, and that each error says so in one line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.audio.formats import Encoding
from mdx.errors import AudioError, ConfigError, MdxError, NetworkError, WeightsError
from mdx.separator import Separator
from mdx.systems.manifest import register_weights
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio
from tests.tiny import edit_system, noise


@pytest.mark.parametrize("shape", [(3, 100), (100, 2), (2, 0), (0,), (1, 2, 100)])
def test_arrays_of_other_shapes_are_refused(tiny: Separator, shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match="shape"):
        tiny.separate(np.zeros(shape, dtype=np.float32), SAMPLE_RATE)


@pytest.mark.parametrize("mix", [np.ones((2, 50), np.int16), [1, 2, 3], "hello"])
def test_arrays_that_are_not_floats_are_refused(tiny: Separator, mix: Audio) -> None:
    with pytest.raises(AudioError, match="expected floats"):
        tiny.separate(mix, SAMPLE_RATE)


@pytest.mark.filterwarnings("error")
def test_samples_that_overflow_are_an_error_not_garbage(tiny: Separator, tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    sf.write(path, noise(5000).T * 1e38, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(NetworkError, match="NaN or infinity"):
        tiny.separate_file(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_misuse_is_refused(tiny: Separator, tiny_system: Path, song: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PCM_8"):
        tiny.separate_file(song, tmp_path / "out", encoding=Encoding(subtype="PCM_8"))
    with pytest.raises(ConfigError, match="bass"):
        tiny.separate_file(song, {"bass": tmp_path / "out" / "bass.wav"})
    with pytest.raises(ConfigError, match="a file of its own for each"):
        tiny.separate_file(song, dict.fromkeys(SOURCES, tmp_path / "out" / "all.wav"))
    for threads in (0, -1):
        with pytest.raises(ConfigError, match="threads"):
            Separator.load(tiny_system, threads=threads)
    assert not (tmp_path / "out").exists()


def test_places_may_be_text(tiny: Separator, song: Path, tmp_path: Path) -> None:
    places = {source: str(tmp_path / "out" / f"{source}.wav") for source in SOURCES}
    assert tiny.separate_file(song, places) == {name: Path(it) for name, it in places.items()}
    assert all(Path(place).is_file() for place in places.values())


def test_errors_for_invalid_sizes_name_the_network(tiny_copy: Path) -> None:
    edit_system(tiny_copy, other={"n_fft": 511})
    with pytest.raises(ConfigError, match=r"tiny\.yaml: other\.onnx: STFT: got n_fft 511"):
        Separator.load(tiny_copy)


def test_an_array_with_nan_is_refused(tiny: Separator) -> None:
    mix = noise(100)
    mix[1, 7] = np.nan
    with pytest.raises(AudioError, match="NaN"):
        tiny.separate(mix, SAMPLE_RATE)


@pytest.mark.parametrize("rate", [0, -44100, 999, 10**9])
def test_an_impossible_sample_rate_is_refused(tiny: Separator, rate: int) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        tiny.separate(noise(100), rate)


@pytest.mark.parametrize(("key", "value"), [("dim_f", 2048), ("dim_t", 256)])
def test_a_yaml_that_contradicts_the_graph_is_refused(
    tiny_copy: Path, key: str, value: int
) -> None:
    edit_system(tiny_copy, drums={key: value})
    with pytest.raises(NetworkError, match=f"drums.onnx: got {key} .* in the graph.*{key} {value}"):
        Separator.load(tiny_copy)


def test_weights_that_changed_are_refused(tiny_copy: Path) -> None:
    path = tiny_copy.parent / "vocals.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"vocals\.onnx: got sha256"):
        Separator.load(tiny_copy)


def test_every_error_is_one_line(tiny_copy: Path) -> None:
    (tiny_copy.parent / "bass.onnx").write_bytes(b"not\na\nnetwork")
    register_weights(tiny_copy.parent, "bass.onnx", made_by="a test")
    with pytest.raises(MdxError, match="expected an ONNX network") as caught:
        Separator.load(tiny_copy)
    assert "\n" not in str(caught.value)
