"""Demucs-v2 in onnxruntime: a graph that takes the waveform, of any valid length."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from mdx.errors import NetworkError
from mdx.estimators.companion import ORDER, stem_samples, valid_length
from mdx.runtimes.onnx import ends_of, open_session, runtime_of
from mdx.systems.spec import CHANNELS, Audio

LAYOUT = f"float32 (b, {CHANNELS}, n) in, (b, {len(ORDER)}, {CHANNELS}, m) out, b, n, m not fixed"


class OnnxCompanion:
    """A companion, fed segments of one length, which holds little memory between calls."""

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
        self._ends = inputs[0].name, outputs[0].name
        # What is held between calls comes on top of what the stems and the separators take.
        self._options = ort.RunOptions()
        self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._check_output(name)

    def __call__(self, mix: Audio) -> Audio:
        """Shape: (batch, 2, n) -> (batch, 4, 2, m), as CompanionNetwork has it."""
        batch, _, samples = mix.shape
        # The graph itself does not see a surplus of some samples, which would shift its skips.
        assert valid_length(stem_samples(samples)) == samples, samples
        shape = (batch, len(ORDER), CHANNELS, stem_samples(samples))
        # In memory of the session's own they would keep it from being given back.
        stems: Audio = np.empty(shape, dtype=np.float32)
        ends = self._session.io_binding()
        ends.bind_cpu_input(self._ends[0], mix)
        ends.bind_output(self._ends[1], "cpu", 0, np.float32, shape, stems.ctypes.data)
        self._session.run_with_iobinding(ends, self._options)
        return stems

    def _check_output(self, name: str) -> None:
        # A network of another depth has other valid lengths: its shortest input would tell it.
        samples = valid_length(1)
        try:
            self(np.zeros((1, CHANNELS, samples), dtype=np.float32))
        except Exception as error:  # onnxruntime's errors share no public base class
            raise NetworkError(
                name, got=f"a failure with {samples} samples ({error})",
                expected=f"{stem_samples(samples)} samples of stems for them, as of Demucs-v2",
            ) from error  # fmt: skip
