"""Every compared network: the ends of its graph, and conversion of its published files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from onnx import helper

from mdx.errors import NetworkError, WeightsError
from mdx.systems.manifest import WeightsEntry, describe_file, read_manifest, write_entry
from mdx.systems.weights import read_weights
from models import export as export_module
from models.architectures import ARCHITECTURES, CHANNELS
from models.checkpoints.convert import convert_checkpoint
from models.checkpoints.formats import FORMATS
from models.convert import main as convert_command
from models.d3net import D3NetSpec
from models.d3net_blocks import BandSpec
from models.export import allowed_error, export_network, run_onnx
from models.lasaft import LasaftSpec
from models.mm_dense import MMDenseSpec
from models.mm_dense_bands import DenseBandSpec
from models.open_unmix import OpenUnmix, OpenUnmixSpec
from models.random_weights import randomise
from models.resunet import ResUNetSpec
from models.tfc_tdf_v1 import TfcTdfV1Spec
from models.tfc_tdf_v3 import TfcTdfV3Spec
from models.x_umx import XUmxSpec
from tests.models.nnabla_d3net import Nnabla

BAND = BandSpec(2, (2, 2, 2), (1, 1, 1), parts=1)
DENSE = MMDenseSpec(
    8, (DenseBandSpec(8, 2, (2,), (1,), (0,)),), DenseBandSpec(8, 2, (2,), (1,), (0,)),
    2, 1, (3, 3), final_dilated=False,
)  # fmt: skip
TINY: dict[str, Any] = {
    "open_unmix": OpenUnmixSpec(dim_f=9, bins_read=6, hidden=4, lstm_layers=1),
    "x_umx": XUmxSpec(dim_f=9, bins_read=6, hidden=4, lstm_layers=1),
    "d3net": D3NetSpec(10, 8, 4, BAND, BAND, BAND, final_growth=2, final_layers=1),
    "mm_dense_lstm": DENSE,
    "mm_dense_net": DENSE,
    "resunet_decouple": ResUNetSpec(n_fft=64, hop=20, widths=(2, 2), middle=1),
    "lasaft": LasaftSpec(dim_f=9, n_blocks=3, embedding=2, n_layers=1, growth=2, latents=2),
    "tfc_tdf_v1": TfcTdfV1Spec(dim_f=17, n_blocks=3, n_layers=1, growth=2),
    "tfc_tdf_v3": TfcTdfV3Spec(16, 3, n_layers=1, growth=2, bottleneck=2, width=4, subbands=2),
}
USUAL = {  # size, where it is not named after the architecture
    "open_unmix": "umx", "d3net": "vocals", "lasaft": "large", "tfc_tdf_v1": "large",
    "tfc_tdf_v3": "model1",
}  # fmt: skip
LENGTHS = {"waveform": 200, "magnitude": 8, "spectrogram": 8}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_contract(name: str) -> None:
    architecture = replace(ARCHITECTURES[name], length=LENGTHS[ARCHITECTURES[name].kind])
    spec = TINY[name]
    shape = architecture.input_shape(spec)
    assert shape[0] == CHANNELS[architecture.kind] and shape[-1] == architecture.length
    net = randomise(architecture.network(spec), seed=0)
    with torch.no_grad():
        out = net(torch.rand(2, *shape))
    sources = len(architecture.sources) or 1
    one = (2, *shape) if name == "tfc_tdf_v1" else (2, sources, *shape)
    assert out.shape == one


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_usual_size_is_the_first(name: str) -> None:
    architecture = ARCHITECTURES[name]
    assert next(iter(architecture.sizes)) == USUAL.get(name, name)
    assert set(architecture.sources) in (set(), {"bass", "drums", "other", "vocals"})


def published(monkeypatch: pytest.MonkeyPatch, name: str, size: str) -> Any:
    """The tiny network, registered as the published size of its architecture."""
    small = replace(
        ARCHITECTURES[name], sizes={size: TINY[name]}, length=LENGTHS[ARCHITECTURES[name].kind]
    )
    monkeypatch.setitem(ARCHITECTURES, name, small)
    return randomise(small.network(TINY[name]), seed=3)


def test_a_state_dict_becomes_a_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = published(monkeypatch, "x_umx", "x_umx")
    torch.save({"state_dict": net.state_dict()}, tmp_path / "x.pth")
    assert convert_checkpoint(tmp_path / "x.pth", tmp_path / "x.onnx") < 1e-4
    mix = np.random.default_rng(0).random((1, 2, 9, 30)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(mix)).numpy()
    got = run_onnx(tmp_path / "x.onnx", mix)
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


def test_the_command_converts_and_registers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(published(monkeypatch, "x_umx", "x_umx").state_dict(), tmp_path / "x.pth")
    out = ["--out", "x_umx.onnx", "--folder", str(tmp_path)]
    assert convert_command([str(tmp_path / "x.pth"), *out]) == 0
    assert "between onnxruntime and torch" in capsys.readouterr().out
    entry = read_manifest(tmp_path)["x_umx.onnx"]
    assert entry.made_by == "python -m models.convert x.pth --out x_umx.onnx" and entry.parent
    assert read_weights(tmp_path, "x_umx.onnx")
    words = [str(tmp_path / "x.pth"), *out, "--source", "bass"]
    assert convert_command(words) == 1 and "--replace" in capsys.readouterr().err
    assert convert_command([*words, "--replace"]) == 1
    assert "one network without a name, expected bass" in capsys.readouterr().err


def test_a_network_has_the_licence_of_the_file_that_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads, folder = tmp_path / "downloads", tmp_path / "weights"
    for place in (downloads, folder):
        place.mkdir()
    path = downloads / "x.pth"
    torch.save(published(monkeypatch, "x_umx", "x_umx").state_dict(), path)
    origin = WeightsEntry("unknown", url="https://somewhere", licence="theirs", becomes="x.onnx")
    write_entry(folder, "released.pth", origin)
    for name, licence in (("x.onnx", "theirs"), ("mine.onnx", None)):
        assert convert_command([str(path), "--out", name, "--folder", str(folder)]) == 0
        entry = read_manifest(folder)[name]
        assert (entry.licence, entry.url, entry.becomes) == (licence, None, None)
        assert entry.parent == describe_file(path).sha256
        assert read_weights(folder, name)


def original_files(folder: Path, sources: tuple[str, ...]) -> tuple[Path, Any, Any]:
    """Write an HDF5 file of D3Nets; returns it, a mixture (1, T, 2, F) and the last output."""
    mix = torch.rand(1, 8, 2, 10, dtype=torch.float64, generator=torch.manual_seed(0))
    with h5py.File(folder / "d3net.h5", "w") as file:
        for source in sources:
            original = Nnabla(source)
            expected = original.network(mix, TINY["d3net"])
            for name, value in original.parameters.items():
                file[name] = value.numpy()
    return folder / "d3net.h5", mix, expected.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(("sources", "source"), [(("vocals",), None), (("bass", "drums"), "drums")])
def test_an_hdf5_file_becomes_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: tuple[str, ...], source: str | None
) -> None:
    published(monkeypatch, "d3net", sources[-1])
    path, mix, expected = original_files(tmp_path, sources)
    assert convert_checkpoint(path, tmp_path / "d3net.onnx", source=source) < 1e-4
    got = run_onnx(tmp_path / "d3net.onnx", mix.permute(0, 2, 3, 1).float().numpy())
    assert np.abs(got[:, 0] - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("sources", "source", "message"),
    [
        (("bass", "drums"), None, "got networks of bass, drums, expected to be told which of them"),
        (("bass", "drums"), "vocals", "got networks of bass, drums, expected vocals"),
        (("bass",), "vocals", "got networks of bass, expected vocals"),
    ],
)
def test_a_network_that_a_file_does_not_have(
    tmp_path: Path, sources: tuple[str, ...], source: str | None, message: str
) -> None:
    path, _, _ = original_files(tmp_path, sources)
    with pytest.raises(WeightsError, match=message):
        convert_checkpoint(path, tmp_path / "d3net.onnx", source=source)


def test_a_state_dict_has_no_sources_to_choose_from(tmp_path: Path) -> None:
    torch.save({"fc1.weight": torch.zeros(1)}, tmp_path / "umx.pth")
    with pytest.raises(WeightsError, match="got one network without a name, expected bass"):
        convert_checkpoint(tmp_path / "umx.pth", tmp_path / "umx.onnx", source="bass")


def test_every_format_is_of_an_architecture() -> None:
    assert FORMATS.keys() <= ARCHITECTURES.keys()


def test_a_checkpoint_of_no_known_system(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(
        WeightsError, match=r"got a checkpoint of another .*Demucs-v2, .*X-UMX, .*D3"
    ):
        convert_checkpoint(tmp_path / "other.pth", tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="got No such file"):
        convert_checkpoint(tmp_path / "none.pth", tmp_path / "none.onnx")


def test_a_network_that_is_silent_is_exported(tmp_path: Path) -> None:
    net = randomise(OpenUnmix(TINY["open_unmix"]), seed=0)
    with torch.no_grad():
        net.output_scale.zero_()
        net.output_mean.zero_()
    assert export_network(net, tmp_path / "silent.onnx", shape=(2, 9, 8), dynamic=True) == 0


def test_a_graph_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = randomise(OpenUnmix(TINY["open_unmix"]), seed=0)
    monkeypatch.setattr(export_module, "run_onnx", lambda *_: np.zeros((1, 1, 2, 9, 8), np.float32))
    with pytest.raises(NetworkError, match=r"error of 1\.0e\+00 .* at most 1e-04; .* not kept"):
        export_network(net, tmp_path / "wrong.onnx", shape=(2, 9, 8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "most"), [("Relu", 1e-4), ("InstanceNormalization", 1e-3)])
def test_only_instance_norms_may_round_more(kind: str, most: float) -> None:
    node = helper.make_node(kind, ["x"], ["y"])
    assert allowed_error(helper.make_model(helper.make_graph([node], "g", [], []))) == most


def test_bass_has_longer_patches() -> None:
    d3net = ARCHITECTURES["d3net"]
    assert [d3net.input_shape(spec)[-1] for spec in d3net.sizes.values()] == [256, 256, 256, 384]
