"""Demucs-v2 in onnxruntime: a graph that takes the waveform, of any valid length."""

from pathlib import Path

import numpy as np

from mdx.companion import ORDER, valid_length
from mdx.errors import NetworkError
from mdx.net import ends_of, open_session, runtime_of
from mdx.spec import CHANNELS, Audio

LAYOUT = f"float32 (b, {CHANNELS}, n) in, (b, {len(ORDER)}, {CHANNELS}, m) out, b, n, m not fixed"


class OnnxCompanion:
    """A companion, fed segments of one length."""

    def __init__(
        self, path: Path, name: str, *, precision: str, threads: int, provider: str = "cpu"
    ) -> None:
        """Make a session from an ONNX file, which onnxruntime reads by itself: it may be large.

        Raises NetworkError for another layout, or as open_session does.
        """
        self._session = open_session(path, name, threads=threads, provider=provider)
        inputs, outputs = ends_of(self._session)
        shapes = [list(end.shape) for end in (*inputs, *outputs)]
        fixed = [[size for size in shape if isinstance(size, int)] for shape in shapes]
        if (
            [len(shape) for shape in shapes] != [3, 4]
            or fixed != [[CHANNELS], [len(ORDER), CHANNELS]]
            or {end.kind for end in (*inputs, *outputs)} != {"tensor(float)"}
        ):
            ends = [f"{end.name} {end.kind} {list(end.shape)}" for end in (*inputs, *outputs)]
            raise NetworkError(name, got=", ".join(ends), expected=LAYOUT)
        self.runtime = runtime_of(self._session)
        self.precision = precision
        self._input = inputs[0].name
        self._check_output(name)

    def __call__(self, mix: Audio) -> Audio:
        """Shape: (batch, 2, n) -> (batch, 4, 2, m), as CompanionNetwork has it."""
        output: Audio = self._session.run(None, {self._input: mix})[0]
        return output

    def _check_output(self, name: str) -> None:
        # A network of another depth has other valid lengths: its first second would tell it.
        samples = valid_length(1)
        try:
            made = self(np.zeros((1, CHANNELS, samples), dtype=np.float32)).shape[3]
        except Exception as error:  # onnxruntime's errors share no public base class
            raise NetworkError(
                name, got=f"a failure with {samples} samples ({error})", expected=LAYOUT
            ) from error
        if not 1 <= made <= samples:
            raise NetworkError(
                name, got=f"{made} samples of stems for {samples}", expected=f"1 to {samples}"
            )
