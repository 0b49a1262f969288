"""Estimators whose network maps the waveform itself: Demucs-v2, ResUNetDecouple+.

Source: the inference of the released Demucs v2 (`apply_model` with `split`), as a stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from mdx.errors import NetworkError
from mdx.estimators.demucs_v2 import MAX_SHIFT, stem_samples, valid_length
from mdx.estimators.normalise import NORMALISATIONS
from mdx.estimators.overlap_add import cut
from mdx.estimators.protocol import Geometry
from mdx.estimators.windows import WINDOWS
from mdx.runtimes.network import FLOAT32, Network
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, Audio, EstimatorSpec, require


class Lengths(NamedTuple):
    """Which lengths fit a network; the output is the centre of the input."""

    valid: Callable[[int], int]  # the shortest input for this many samples of output
    made: Callable[[int], int]  # samples of output for a valid input


LENGTHS: Mapping[str, Lengths] = {
    "any": Lengths(lambda samples: samples, lambda samples: samples),
    "demucs_v2": Lengths(valid_length, stem_samples),
}


@dataclass(frozen=True)
class WaveformOptions:
    """The options of such an estimator in a system, besides its weights and stems."""

    segment: float = 40.0  # seconds that one call of the network covers
    overlap: float = 0.5  # of two segments, as a share of one
    context: float = 0.0  # seconds on either side that the network also gets
    window: str = "triangle"  # a key of mdx.estimators.windows.WINDOWS
    normalise: str | None = "stereo"  # a key of mdx.estimators.normalise.NORMALISATIONS
    lengths: str = "demucs_v2"  # a key of LENGTHS
    shifts: int = 0  # random shifts, seeded, whose outputs are averaged
    batch: int = 2  # segments in one call: the LSTM's weights are read only once for all of them

    def __post_init__(self) -> None:
        require(0 < self.segment < np.inf, "segment", self.segment, "seconds above 0")
        require(0 <= self.overlap < 1, "overlap", self.overlap, "a share from 0 to below 1")
        require(0 <= self.context < np.inf, "context", self.context, "seconds, 0 or more")
        for key, known in (
            ("window", WINDOWS), ("normalise", NORMALISATIONS), ("lengths", LENGTHS),
        ):  # fmt: skip
            got = getattr(self, key)
            fine = got in known or (key == "normalise" and got is None)
            require(fine, key, repr(got), f"one of {', '.join(known)}")
        require(self.shifts >= 0, "shifts", self.shifts, "0 or more")
        require(not (self.shifts and self.context), "context", self.context, "0 with shifts")
        require(self.batch >= 1, "batch", self.batch, "1 or more")
        require(self.step >= 1, "overlap", self.overlap, "segments that start samples apart")

    @property
    def samples(self) -> int:
        """Samples of a segment."""
        return int(self.segment * SAMPLE_RATE)

    @property
    def step(self) -> int:
        """Samples from the start of one segment to that of the next."""
        return int((1 - self.overlap) * self.samples)

    def geometry(self) -> Geometry:
        """How a song is cut; shifted segments differ in length, so they are not batched."""
        context, lengths = int(self.context * SAMPLE_RATE), LENGTHS[self.lengths]
        padding = lengths.valid(self.samples + 2 * context) - self.samples
        centre = self.window == "centre"  # as ResUNetDecouple+ is run
        return Geometry(
            self.samples, self.step, window=self.window, skip_silence=False,
            fill=self.samples if centre else 0, nested=not centre,
            # A segment cut off by the song's end may need more of what comes before.
            before=MAX_SHIFT if self.lengths == "demucs_v2" else padding // 2,
            after=MAX_SHIFT if self.shifts else padding - padding // 2,
            batch=1 if self.shifts else self.batch, passes=max(1, self.shifts),
        )  # fmt: skip


class Waveform:
    """A network from segments of the waveform, with their real neighbours as context, to stems."""

    options: ClassVar[type] = WaveformOptions
    has_network: ClassVar[bool] = True
    per_stem: ClassVar[bool] = False
    fixed_input: ClassVar[bool] = False  # lengths vary
    heavy: ClassVar[bool] = True

    def __init__(
        self, spec: EstimatorSpec, options: WaveformOptions, network: Network, *, workers: int
    ) -> None:
        """Raises NetworkError if the graph does not fit the stems or the lengths."""
        assert spec.weights is not None
        del workers
        self.name, self.makes = spec.name, spec.makes
        self.network: Network | None = network
        self.normalise = options.normalise
        self.geometry = options.geometry()
        self._lengths = LENGTHS[options.lengths]
        self._context = int(options.context * SAMPLE_RATE)
        self._shifted = options.shifts > 0
        self._check_layout(spec.weights, network)
        size = network.input.shape[-1]
        self._size = size if isinstance(size, int) else None  # of every input; None: any
        self.fixed_length = self._size is not None
        check = self._check_size if self.fixed_length else self._check_lengths
        check(spec.weights, options.lengths)

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """See mdx.estimators.protocol.Estimator; `rng` draws the shift of one pass.

        Shape: (batch, 2, before + n + after) -> (batch, stems, 2, n)
        """
        geometry = self.geometry
        start, length = geometry.before, segments.shape[2] - geometry.before - geometry.after
        lead = 0
        if self._shifted:
            # Upstream pads the segment by this much of the song, and shifts within that.
            size = length + 2 * MAX_SHIFT
            segments = np.stack([cut(mix, start - MAX_SHIFT, size) for mix in segments])
            start = int(rng.integers(MAX_SHIFT + 1))
            lead = MAX_SHIFT - start
        size = self._lengths.valid(length + lead + 2 * self._context)
        start -= (size - length - lead) // 2
        with stages.time(self.name):
            found = self._run(np.stack([cut(mix, start, size) for mix in segments]))
        skip = (found.shape[3] - length - lead) // 2 + lead
        return found[..., skip : skip + length]

    def _run(self, inputs: Audio) -> Audio:
        # Shape: (batch, 2, valid) -> (batch, stems, 2, made)
        batch, _, samples = inputs.shape
        made = self._lengths.made(samples)
        # The graph itself does not notice surplus samples, which would shift its skips.
        assert self._lengths.valid(made) == samples, samples
        size = made
        if self._size is not None:  # of a graph for any length, whose inputs all have this one
            size = self._size
            inputs = np.pad(inputs, ((0, 0), (0, 0), (0, size - samples)))
        out = np.empty((batch, len(self.makes), CHANNELS, size), dtype=np.float32)
        assert self.network is not None
        return self.network(inputs, out)[..., :made]

    def _check_layout(self, name: str, network: Network) -> None:
        first, last = network.input, network.output
        shapes = [list(end.shape) for end in (first, last)]
        fixed = [[size for size in shape if isinstance(size, int)] for shape in shapes]
        stems = len(self.makes)
        ends = [[CHANNELS], [stems, CHANNELS]]
        size = shapes[0][-1]  # both ends may be fixed at the same length
        if (
            [len(shape) for shape in shapes] != [3, 4]
            or fixed not in (ends, [[*end, size] for end in ends])
            or {first.kind, last.kind} != {FLOAT32}
        ):
            expected = f"float32 (b, {CHANNELS}, n) in, (b, {stems}, {CHANNELS}, m) out"
            expected += ", b, n, m not fixed, or n and m alike"
            raise NetworkError(name, got=f"{first}, {last}", expected=expected)

    def _check_size(self, name: str, lengths: str) -> None:
        geometry = self.geometry
        whole = geometry.before + geometry.segment + geometry.after
        if (self._size, lengths) != (whole, "any"):
            raise NetworkError(
                name, got=f"inputs of {self._size} samples, lengths '{lengths}'",
                expected=f"{whole} samples, a segment with its context, and 'any'",
            )  # fmt: skip

    def _check_lengths(self, name: str, lengths: str) -> None:
        # A network of another depth has other valid lengths: its shortest input gives it away.
        samples = self._lengths.valid(1)
        try:
            self._run(np.zeros((1, CHANNELS, samples), dtype=np.float32))
        except Exception as error:  # onnxruntime's errors share no public base class
            made = self._lengths.made(samples)
            raise NetworkError(
                name, got=f"a failure with {samples} samples ({error})",
                expected=f"{made} samples of stems for them, as of '{lengths}'",
            ) from error  # fmt: skip
