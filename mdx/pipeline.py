"""A song's way through the networks of one rung: STFT, network, inverse, Mixer, block by block."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mdx.chunks import ChunkStream
from mdx.errors import NetworkError
from mdx.mixer import Mixer
from mdx.net import Network
from mdx.spec import CHANNELS, SOURCES, Audio
from mdx.stft import Stft
from mdx.watch import Watch


class Member(NamedTuple):
    """A network and the STFT around it."""

    network: Network
    stft: Stft


class Pipeline:
    """Blocks of mixture in, blocks of four stems out: all samples, in order, some chunks late.

    A source without a member gets an equal share of what the others leave of the mixture.
    """

    def __init__(
        self,
        members: Mapping[str, Member],
        mixer: Mixer | None,
        watch: Watch,
        *,
        both_polarities: bool = False,
    ) -> None:
        """`mixer` needs all four members; `both_polarities` averages f(x) and -f(-x)."""
        self._mixer = mixer
        self._watch = watch
        self._both_polarities = both_polarities
        self._streams = {source: self._open(source, members[source]) for source in members}
        self._queue = _Queue(tuple(members))

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (4, 2, m), finished by them.

        Raises Cancelled, StepDown, or NetworkError for NaN and infinity.
        """
        finished = {source: stream.push(mix) for source, stream in self._streams.items()}
        return self._mix(*self._queue.exchange(mix, finished))

    def finish(self) -> Audio:
        """End the song; returns the samples still owed. Shape: (4, 2, m)."""
        finished = {source: stream.finish() for source, stream in self._streams.items()}
        nothing = np.zeros((CHANNELS, 0), dtype=np.float32)
        return self._mix(*self._queue.exchange(nothing, finished))

    def _open(self, source: str, member: Member) -> ChunkStream:
        network, stft = member
        watch, both_polarities = self._watch, self._both_polarities

        def process(chunk: Audio) -> Audio:
            watch.before_chunk(source)
            with np.errstate(over="ignore", invalid="ignore"):  # found out in _mix
                with watch.stages.time("stft"):
                    spectrogram = stft.forward(chunk)
                with watch.stages.time(source):
                    found = network(spectrogram)
                    if both_polarities:
                        found = np.float32(0.5) * (found - network(-spectrogram))
                with watch.stages.time("istft"):
                    estimate = stft.inverse(found)
            watch.after_chunk(source)
            return estimate

        return ChunkStream(stft.spec, process, lambda: watch.skip_chunk(source))

    def _mix(self, found: Mapping[str, Audio], mix: Audio) -> Audio:
        rest = mix.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for stem in found.values():
                rest -= stem
            rest /= max(1, len(SOURCES) - len(found))
        stems: Audio = np.stack([found.get(source, rest) for source in SOURCES])
        if self._mixer:
            with self._watch.stages.time("mixer"):
                stems = self._mixer(stems, mix)
        if not np.isfinite(stems).all():
            raise NetworkError(
                "stems",
                got="NaN or infinity",
                expected="finite samples",
                hint="the song is far beyond full scale, or a network is broken",
            )
        return stems


class _Queue:
    """Where the mixture and streams with chunks of their own wait for each other."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        empty = np.zeros((CHANNELS, 0), dtype=np.float32)
        self._found = dict.fromkeys(sources, empty)
        self._mix: Audio = empty

    def exchange(
        self, mix: Audio, finished: Mapping[str, Audio]
    ) -> tuple[Mapping[str, Audio], Audio]:
        """Put in what is new, take out what all have. Shape: (2, n) each."""
        self._mix = np.concatenate([self._mix, mix], axis=1)
        for source, samples in finished.items():
            self._found[source] = np.concatenate([self._found[source], samples], axis=1)
        lengths = [samples.shape[1] for samples in self._found.values()]
        ready = min(lengths, default=self._mix.shape[1])
        found = {source: samples[:, :ready] for source, samples in self._found.items()}
        self._found = {source: samples[:, ready:] for source, samples in self._found.items()}
        mix, self._mix = self._mix[:, :ready], self._mix[:, ready:]
        return found, mix
