import io
import zipfile

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from mdx.combine.mixer import Mixer, read_mixer
from mdx.errors import WeightsError
from mdx.systems.spec import Audio
from models.mixer import Mixer as TorchMixer

TOLERANCE = 1e-6  # float32 sums of ten terms of about 1


def random_matrix() -> Audio:
    return np.random.default_rng(0).standard_normal((8, 10)).astype(np.float32)


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def checkpoint(state: dict[str, torch.Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("samples", [1, 2047, 2048, 2049, 2**17 + 77])
def test_the_number_of_cpus_does_not_change_its_rounding(samples: int) -> None:
    rng = np.random.default_rng(samples)
    stems = rng.standard_normal((4, 2, samples)).astype(np.float32)
    mix = rng.standard_normal((2, samples)).astype(np.float32)
    mixer, found = Mixer(random_matrix()), []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="blas"):
            found.append(mixer(stems, mix))
    assert all(np.array_equal(other, found[0]) for other in found)
    expected = random_matrix().astype(float) @ np.concatenate([stems.reshape(8, -1), mix])
    assert found[0].reshape(8, -1) == pytest.approx(expected, abs=1e-5)


def test_equals_the_module_in_torch() -> None:
    rng = np.random.default_rng(1)
    stems = rng.standard_normal((4, 2, 50)).astype(np.float32)
    mix = rng.standard_normal((2, 50)).astype(np.float32)
    module = TorchMixer()
    module.linear.weight.data = torch.from_numpy(random_matrix())
    with torch.no_grad():
        inputs = torch.from_numpy(np.concatenate([*stems, mix]))  # bass L, bass R, drums L, ...
        expected = module(inputs[None])[0].reshape(4, 2, 50).numpy()
    np.testing.assert_allclose(Mixer(random_matrix())(stems, mix), expected, atol=10 * TOLERANCE)


def test_a_new_mixer_in_torch_hands_the_stems_through_and_saves_the_original_format() -> None:
    module = TorchMixer()
    x = torch.randn(2, 10, 30)
    torch.testing.assert_close(module(x), x[:, :8])
    assert sum(parameter.numel() for parameter in module.parameters()) == 80
    content = checkpoint(module.state_dict())
    np.testing.assert_array_equal(read_mixer(content, "mixer.ckpt").matrix, np.eye(8, 10))


def test_row_and_column_order() -> None:
    matrix = np.zeros((8, 10), dtype=np.float32)
    matrix[6, 9] = 1  # left vocals from the right of the mixture
    stems, mix = np.zeros((4, 2, 3), np.float32), np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    out = Mixer(matrix)(stems, mix)
    np.testing.assert_array_equal(out[3, 0], [4, 5, 6])
    assert np.count_nonzero(out) == 3


def test_npz() -> None:
    np.testing.assert_array_equal(
        read_mixer(npz(weight=random_matrix()), "m.npz").matrix, random_matrix()
    )


@pytest.mark.parametrize("key", ["linear.weight", "mixing_layer.weight"])
def test_the_original_checkpoint_is_read_without_its_pickle(key: str) -> None:
    content = checkpoint({key: torch.from_numpy(random_matrix())})
    np.testing.assert_array_equal(read_mixer(content, "mixer.ckpt").matrix, random_matrix())


def test_a_pickle_in_a_checkpoint_is_never_run() -> None:
    source = zipfile.ZipFile(io.BytesIO(checkpoint({"linear.weight": torch.ones(8, 10)})))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                content = b"cos\n_exit\n(I7\ntR.linear.weight"  # would end the process
            target.writestr(name, content)
    assert read_mixer(buffer.getvalue(), "mixer.ckpt").matrix.sum() == 80


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no Mixer"),
        (b"PK\x03\x04 but no zip", "no Mixer"),
        (npz(other=random_matrix()), "no Mixer"),
        (npz(weight=random_matrix().T), r"got float32 \(10, 8\)"),
        (npz(weight=random_matrix().astype(float)), "got float64"),
        (npz(weight=np.full((8, 10), np.nan, np.float32)), "NaN"),
        (npz(weight=np.array([object()])), "no Mixer"),
        (checkpoint({"conv.weight": torch.ones(8, 10)}), "no parameter linear.weight"),
        (checkpoint({"linear.weight": torch.ones(8, 11)}), "no Mixer"),
        (checkpoint({"linear.weight": torch.ones(8, 10), "b": torch.ones(8)}), "2 tensors"),
    ],
)
def test_anything_else_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        read_mixer(content, "m")
    assert "\n" not in str(caught.value)
