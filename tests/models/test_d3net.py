"""D3Net: published sizes and MACs, an independent implementation, released files, export."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from mdx.errors import ConfigError, WeightsError
from models.architectures import ARCHITECTURES
from models.checkpoints.hdf5 import is_hdf5, read_hdf5
from models.checkpoints.load import network_of
from models.d3net import D3Net, D3NetSpec
from models.d3net_blocks import BandSpec
from models.random_weights import randomise
from tests.models.network_checks import check_onnx, gmacs_per_second, published_parameters
from tests.models.nnabla_d3net import Nnabla

SMALL = D3NetSpec(
    dim_f=27,
    bins=24,
    split=8,
    low=BandSpec(4, (3, 2, 3), (3, 1, 2), parts=2),
    middle=BandSpec(3, (2, 2, 2), (1, 1, 1), parts=1),
    full=BandSpec(4, (2, 3, 2, 3, 2), (1, 2, 1, 1, 1), parts=3),
    final_growth=3,
    final_layers=3,
)
PARAMETERS = {"vocals": 2_967_407, "other": 2_967_407, "drums": 2_873_284, "bass": 2_419_822}


@pytest.fixture
def published_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the small size as the published one for vocals."""
    small = replace(ARCHITECTURES["d3net"], sizes={"vocals": SMALL})
    monkeypatch.setitem(ARCHITECTURES, "d3net", small)


def written(folder: Path, parameters: dict[str, torch.Tensor]) -> Path:
    path = folder / "vocals.h5"
    with h5py.File(path, "w") as file:
        for name, value in parameters.items():
            file.create_dataset(name, data=value.numpy())
    return path


@pytest.mark.parametrize("source", PARAMETERS)
def test_the_published_sizes(source: str) -> None:
    assert published_parameters("d3net", source) == PARAMETERS[source]


def test_the_published_cost() -> None:
    gmacs = sum(gmacs_per_second("d3net", source) for source in PARAMETERS)
    assert gmacs == pytest.approx(71.6, rel=0.01)


@pytest.mark.usefixtures("published_small")
def test_a_released_file_is_the_original_network(tmp_path: Path) -> None:
    mix = torch.rand(2, 8, 2, 27, dtype=torch.float64)
    original = Nnabla("vocals")
    expected = original.network(mix, SMALL)
    state = read_hdf5(written(tmp_path, original.parameters))
    net = network_of(state, "vocals.h5", "d3net").double()
    with torch.no_grad():
        got = net(mix.permute(0, 2, 3, 1))
    assert got.shape == (2, 1, 2, 27, 8)
    torch.testing.assert_close(got[:, 0].permute(0, 3, 1, 2), expected)


def is_readable(path: Path) -> bool:
    """Whether a file is read; any error but the one that users see is raised."""
    try:
        read_hdf5(path)
    except WeightsError:
        return False
    return True


def test_a_damaged_file_is_one_error(tmp_path: Path) -> None:
    path = written(tmp_path, {f"vocals/{name}/W": torch.ones(3, 4) for name in "abcdefgh"})
    content, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        damaged = bytearray(content)
        for at in rng.integers(8, len(content), 40):  # behind the signature
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        refused += not is_readable(path)
    assert refused > 50


def test_bins_that_are_not_modelled_are_the_mixtures() -> None:
    mix = torch.rand(1, 2, 27, 4)
    with torch.no_grad():
        got = randomise(D3Net(SMALL), seed=0)(mix)
    assert torch.equal(got[:, 0, :, 24:], mix[:, :, 24:])
    assert (got >= 0).all()


def test_the_exported_graph_equals_torch(tmp_path: Path) -> None:
    tiny = replace(
        SMALL,
        low=BandSpec(2, (2, 2, 2), (2, 1, 1), parts=2),
        middle=BandSpec(2, (2,), (1,), parts=1),
        full=BandSpec(2, (2,), (3,), parts=1),
    )
    check_onnx(randomise(D3Net(tiny), seed=1), tmp_path, (2, 27, 4))


@pytest.mark.usefixtures("published_small")
def test_missing_and_foreign_arrays_are_listed(tmp_path: Path) -> None:
    original = Nnabla("vocals")
    original.network(torch.rand(1, 4, 2, 27, dtype=torch.float64), SMALL)
    del original.parameters["vocals/dense_full/us_layers/upsample1/upsample/norm/bn/mean"]
    original.parameters["vocals/fc1_bass/affine/W"] = torch.zeros(2, 2)
    state = read_hdf5(written(tmp_path, original.parameters))
    with pytest.raises(
        WeightsError,
        match=r"missing: dense_full\.upsamples\.1\.norm\.running_mean; unexpected: fc1_bass\.aff",
    ):
        network_of(state, "vocals.h5", "d3net")


def test_another_kind_of_hdf5_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "songs.h5"
    with h5py.File(path, "w") as file:
        file["names"] = np.array([b"a", b"b"])
    with pytest.raises(WeightsError, match=r"got 'names' of .*expected an HDF5 file of nnabla"):
        read_hdf5(path)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(WeightsError, match="got an empty file"):
        read_hdf5(path)
    with h5py.File(path, "w") as file:
        file["x-umx/fc1_bass/W"] = np.zeros(3)
    assert is_hdf5(path)
    with pytest.raises(WeightsError, match=r"got missing: .*unexpected: .*expected D3Net of"):
        network_of(read_hdf5(path), path, "d3net")


def test_a_file_that_is_not_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "vocals.h5"
    path.write_bytes(b"PK\x03\x04")
    assert not is_hdf5(path)
    with pytest.raises(WeightsError, match=r"vocals\.h5: got .* expected an HDF5 file"):
        read_hdf5(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": 24}, "got split 24, bins 24, dim_f 27"),
        ({"split": 5}, "low band: got 5 bins, expected a multiple of 2"),
        ({"bins": 22}, "full band: got 22 bins"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **change)


def test_impossible_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match="got 2 growths and 2 numbers of layers"):
        BandSpec(4, (2, 2), (1, 1), parts=1)
    with pytest.raises(ConfigError, match="expected at least 1"):
        BandSpec(4, (2,), (0,), parts=1)
