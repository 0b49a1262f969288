"""Systems of one network and two stems: what it finds, and the rest of the mixture."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from mdx.errors import ConfigError, NetworkError, WeightsError
from mdx.estimators.companion import Level
from mdx.estimators.stft import Stft
from mdx.estimators.uvr import UvrStream, uvr_step
from mdx.limit.ladder import Ladder, load_member
from mdx.monitor import Watch
from mdx.pipeline import Fifo, Member, Way, check_finite, way_through
from mdx.runtimes.runtime import Engine
from mdx.systems.spec import (
    CHANNELS,
    LAST_RESORT,
    Audio,
    Rung,
    SeparatorSpec,
    StftSpec,
    SystemSpec,
    TwoStemsSpec,
)
from mdx.systems.weights import name_for

log = logging.getLogger(__name__)
LOWEST_BINS = 3  # which the network is not shown
CROP_FRAMES, CROP_OVERLAP = 256, 0.02  # of the mixture's own way, whatever the network's


class TwoStems:
    """Blocks of mixture in, blocks of two stems out: all samples, in order, some chunks late.

    The second stem is what the first leaves of the mixture; where there is a crop, of a mixture
    that has lost the bins which the network does not see, so that neither stem has them.

    Source: the MDX-Net separation of Ultimate Vocal Remover.
    """

    def __init__(
        self, spec: TwoStemsSpec, member: Member, crop: Stft | None, watch: Watch, *,
        both_polarities: bool = False,
    ) -> None:  # fmt: skip
        """`crop` has the network's bins; `both_polarities` averages f(x) and -f(-x)."""
        name = spec.stems[0]
        process = way_through(
            name, member, watch, both_polarities=both_polarities, lowest_bins=LOWEST_BINS
        )
        self._network = UvrStream(
            member.stft.spec, process, lambda: watch.skip_chunk(name), overlap=spec.overlap
        )
        self._crop = _open_crop(crop) if crop else None
        self._compensate = np.float32(spec.compensate)
        self._found, self._mix = Fifo(), Fifo()

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (2, 2, m), finished by them.

        Raises Cancelled, StepDown, or NetworkError for NaN and infinity.
        """
        self._found.put(self._network.push(mix))
        self._mix.put(self._crop.push(mix) if self._crop else mix)
        return self._take()

    def finish(self) -> Audio:
        """End the song; returns the samples still owed. Shape: (2, 2, m)."""
        self._found.put(self._network.finish())
        if self._crop:
            self._mix.put(self._crop.finish())
        return self._take()

    def _take(self) -> Audio:
        ready = min(self._found.samples, self._mix.samples)
        with np.errstate(over="ignore", invalid="ignore"):
            primary = self._compensate * self._found.take(ready)
            stems: Audio = np.stack([primary, self._mix.take(ready) - primary])
        check_finite(stems)
        return stems


def _open_crop(stft: Stft) -> UvrStream:
    # The mixture through the same bins, without a network.
    def process(chunk: Audio) -> Audio:
        with np.errstate(over="ignore", invalid="ignore"):
            spectrogram = stft.forward(chunk)
            spectrogram[:, :LOWEST_BINS] = 0
            return stft.inverse(spectrogram)

    return UvrStream(stft.spec, process, overlap=CROP_OVERLAP)


class Halves:
    """The last resort: half of the mixture in either stem."""

    def push(self, mix: Audio) -> Audio:
        """Shape: (2, n) -> (2, 2, n)."""
        half = np.float32(0.5) * mix
        return np.stack([half, half])

    def finish(self) -> Audio:
        """Nothing is owed. Shape: (2, 2, 0)."""
        return np.zeros((2, CHANNELS, 0), dtype=np.float32)


class TwoStemsLadder(Ladder):
    """What a song can be separated with into two stems; see Ladder."""

    def __init__(
        self, spec: TwoStemsSpec, rungs: tuple[Rung, ...], members: Mapping[str, Member],
        crop: Stft | None,
    ) -> None:  # fmt: skip
        """`members` are by precision; `crop` is for what the second stem is taken from."""
        self.stems = spec.stems
        self._spec = spec
        self._crop = crop
        super().__init__(rungs, {kind: {self.stems[0]: members[kind]} for kind in members})

    def open(self, rung: Rung, watch: Watch, level: Level | None = None) -> Way:
        """A song's way through a rung."""
        assert level is None  # there is no companion
        members = self.members(rung)
        if not members:
            return Halves()
        return TwoStems(
            self._spec, members[self.stems[0]], self._crop, watch,
            both_polarities=rung.both_polarities,
        )  # fmt: skip

    def steps(self) -> dict[str, int]:
        """Samples from one chunk of the network to the next, whatever the precision."""
        members = self.members(self.rungs[0]).items()
        return {name: uvr_step(found.stft.spec, self._spec.overlap) for name, found in members}


def load_two_stems(
    spec: SystemSpec, folder: Path, engine: Engine, precision: str, *, limited: bool, spend: bool
) -> TwoStemsLadder:
    """Load the network of a system of two stems.

    Rungs are as load_ladder has them; of those of the system's own ladder, precision and polarities
    count. Raises ConfigError, WeightsError or NetworkError.
    """
    two = spec.two_stems
    assert two is not None
    has_int8 = name_for("auto", folder, two.weights) != two.weights
    if precision == "auto":
        precision = "int8" if has_int8 else "float32"
    rungs = _rungs(spec, two, precision, has_int8=has_int8, limited=limited, spend=spend)
    separator = SeparatorSpec(two.weights, two.n_fft, two.hop, two.dim_f, two.dim_t)
    members = {}
    for kind in dict.fromkeys(rung.precision for rung in rungs):
        try:
            members[kind] = load_member(separator, folder, engine, kind)
        except (WeightsError, NetworkError) as error:
            if kind == precision:
                raise
            log.warning("%s; the ladder goes without %s", error, kind)
    rungs = [rung for rung in rungs if rung.precision in members]
    size, crop = members[precision].stft.spec, None
    try:
        uvr_step(size, two.overlap)
        if two.match_cutoff:
            crop_size = StftSpec(size.n_fft, size.hop, size.dim_f, CROP_FRAMES)
            crop = Stft(crop_size, workers=engine.workers)
    except ConfigError as error:
        raise error.within(two.weights) from error
    return TwoStemsLadder(two, (*rungs, *([LAST_RESORT] if limited else [])), members, crop)


def _rungs(
    spec: SystemSpec, two: TwoStemsSpec, precision: str, *, has_int8: bool, limited: bool,
    spend: bool,
) -> list[Rung]:  # fmt: skip
    # All but the last resort, which needs no network.
    bare = replace(LAST_RESORT, sources=two.stems[:1])
    rungs = [replace(bare, precision=precision, both_polarities=two.denoise)]
    if spend and not two.denoise:
        rungs.insert(0, replace(rungs[0], both_polarities=True))
    if limited:
        possible = {precision, "int8"} if has_int8 else {precision}
        for rung in spec.ladder:
            lower = replace(bare, precision=rung.precision, both_polarities=rung.both_polarities)
            if rung.precision in possible and lower not in rungs:
                rungs.append(lower)
    return rungs
