"""The Mixer: a bias-free matrix that refines the separators' stems, given the mixture as well.

Source: paper, section 2.3; the file formats are our `.npz` and the original `mixer.ckpt`.
"""

import io
import re
import zipfile
from typing import ClassVar

import numpy as np

from mdx.combine.protocol import Stems
from mdx.errors import WeightsError
from mdx.systems.spec import CHANNELS, SOURCES, Audio

ROWS = len(SOURCES) * CHANNELS
COLUMNS = ROWS + CHANNELS  # the mixture's two channels come last
KEY = "weight"  # of the array in a .npz
# Samples in one product: so few that no BLAS divides them among threads, which would make the
# rounding depend on the number of CPUs.
BLOCK = 2048
TORCH_STORAGE = re.compile(r"[^/]+/data/\d+")
TORCH_KEYS = (b"linear.weight", b"mixing_layer.weight")


class Mixer:
    """The matrix, ready to be applied to blocks of stems."""

    def __init__(self, matrix: Audio) -> None:
        """Shape: matrix (8, 10), rows [bass, drums, other, vocals] x (L, R)."""
        assert matrix.shape == (ROWS, COLUMNS)
        self.matrix = np.ascontiguousarray(matrix, dtype=np.float32)

    def __call__(self, stems: Audio, mix: Audio) -> Audio:
        """Shape: stems (4, 2, samples), mix (2, samples) -> (4, 2, samples)."""
        columns = np.concatenate([stems.reshape(ROWS, -1), mix])
        mixed = np.empty((ROWS, columns.shape[1]), dtype=np.float32)
        for start in range(0, columns.shape[1], BLOCK):
            block = slice(start, start + BLOCK)
            np.matmul(self.matrix, columns[:, block], out=mixed[:, block])
        return mixed.reshape(stems.shape)


class MixerStep:
    """The Mixer as a step of a system, which must make the four stems of SOURCES."""

    kind: ClassVar[str] = "mixer"
    needs_all: ClassVar[bool] = True
    estimator: str | None = None

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer

    def __call__(self, stems: Stems, aside: Stems | None, mix: Audio) -> Stems:
        """See mdx.combine.protocol.Combiner."""
        del aside
        mixed = self._mixer(np.stack([stems[source] for source in SOURCES]), mix)
        return dict(zip(SOURCES, mixed, strict=True))


def read_mixer(content: bytes, name: str) -> Mixer:
    """Read a Mixer from the bytes of a `.npz` file or of the original `mixer.ckpt`.

    The checkpoint is a zip with one storage of 320 bytes, little-endian float32 row by row: its
    pickle is only searched for the parameter's name and never run. Raises WeightsError for
    anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            ours = f"{KEY}.npy" in archive.namelist()
            matrix = _read_npz(archive) if ours else _read_torch(archive)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise WeightsError(
            name, got=f"a file that holds no Mixer ({error})", expected="a .npz or mixer.ckpt"
        ) from error
    if matrix.shape != (ROWS, COLUMNS) or matrix.dtype != np.float32:
        raise WeightsError(
            name,
            got=f"{matrix.dtype} {matrix.shape}",
            expected=f"a float32 matrix of shape ({ROWS}, {COLUMNS})",
        )
    if not np.isfinite(matrix).all():
        raise WeightsError(name, got="NaN or infinity", expected="finite weights")
    return Mixer(matrix)


def _read_npz(archive: zipfile.ZipFile) -> Audio:
    matrix: Audio = np.lib.format.read_array(
        io.BytesIO(archive.read(f"{KEY}.npy")), allow_pickle=False
    )
    return matrix


def _read_torch(archive: zipfile.ZipFile) -> Audio:
    names = archive.namelist()
    storages = [name for name in names if TORCH_STORAGE.fullmatch(name)]
    pickles = [archive.read(name) for name in names if name.endswith("/data.pkl")]
    orders = [archive.read(name) for name in names if name.endswith("/byteorder")]
    if len(storages) != 1 or len(pickles) != 1 or orders not in ([], [b"little"]):
        raise ValueError(f"{len(storages)} tensors, byte order {orders}")
    if not any(key in pickles[0] for key in TORCH_KEYS):
        raise ValueError("no parameter linear.weight or mixing_layer.weight")
    return np.frombuffer(archive.read(storages[0]), dtype="<f4").reshape(ROWS, COLUMNS)
