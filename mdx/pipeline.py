"""A song's way through a rung: STFT, network, inverse, Mixer, blend, block by block."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from mdx.combine.mixer import Mixer
from mdx.errors import NetworkError
from mdx.estimators.chunks import ChunkStream
from mdx.estimators.companion import CompanionNetwork, CompanionStream, Level, longest_input
from mdx.estimators.stft import Stft
from mdx.monitor import Watch
from mdx.runtimes.onnx import Network
from mdx.systems.spec import CHANNELS, COMPANION, SOURCES, Audio, CompanionSpec

PIECE = 2**17  # samples that are worked on at a time where more are ready


class Member(NamedTuple):
    """A network and the STFT around it."""

    network: Network
    stft: Stft


class Companion(NamedTuple):
    """A network that makes all stems at once, how it is run, and what it is worth beside others."""

    network: CompanionNetwork
    spec: CompanionSpec
    blend: Mapping[str, float]  # the separators' share of each source


class Way(Protocol):
    """A song's way through a rung, in blocks: all samples, in order, some chunks late."""

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (stems, 2, m), finished by them."""
        ...

    def finish(self) -> Audio:
        """End the song; returns the samples still owed. Shape: (stems, 2, m)."""
        ...


class Pipeline:
    """Blocks of mixture in, blocks of four stems out: all samples, in order, some chunks late.

    Beside a companion, its stems are blended with those of the members, after the Mixer; a source
    without a member is the companion's alone. Without a companion, such a source gets an equal
    share of what the others leave of the mixture.
    """

    def __init__(
        self,
        members: Mapping[str, Member],
        mixer: Mixer | None,
        watch: Watch,
        *,
        both_polarities: bool = False,
        companion: tuple[Companion, Level] | None = None,
    ) -> None:
        """`mixer` needs all four members; `both_polarities` averages f(x) and -f(-x)."""
        self._mixer = mixer
        self._watch = watch
        self._both_polarities = both_polarities
        self._streams = {
            source: _open(source, member, watch, both_polarities=both_polarities)
            for source, member in members.items()
        }
        self._companion: CompanionStream | None = None
        self._unheard = Fifo()  # mixture that waits for a companion's answer
        self._shares: Audio = np.ones((len(SOURCES), 1, 1), dtype=np.float32)  # of the members
        if companion:
            partner, level = companion
            self._companion = self._open_companion(partner, level)
            for index, source in enumerate(SOURCES):
                self._shares[index] = partner.blend[source] if source in members else 0.0
        self._waiting = {name: Fifo() for name in ("mix", *self._streams)}
        if self._companion:
            self._waiting[COMPANION] = Fifo()

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (4, 2, m), finished by them.

        Raises Cancelled, StepDown, or NetworkError for NaN and infinity.
        """
        if self._companion:
            self._unheard.put(mix)
            return self._follow(self._companion.push(mix))
        self._hear(mix)
        return self._take()

    def finish(self) -> Audio:
        """End the song; returns the samples still owed. Shape: (4, 2, m)."""
        found = [self._follow(self._companion.finish())] if self._companion else []
        for source, stream in self._streams.items():
            self._waiting[source].put(stream.finish())
        return np.concatenate([*found, self._take()], axis=2)

    def _hear(self, mix: Audio) -> None:
        self._waiting["mix"].put(mix)
        for source, stream in self._streams.items():
            self._waiting[source].put(stream.push(mix))

    def _follow(self, stems: Audio) -> Audio:
        # A companion answers a minute late, and then with much at once. Until then the mixture is
        # all that is kept; then the members hear it piece by piece. Shape: (4, 2, n) -> (4, 2, m)
        found = [stems[:, :, :0]]
        for start in range(0, stems.shape[2], PIECE):
            piece = stems[:, :, start : start + PIECE]
            self._waiting[COMPANION].put(piece)
            self._hear(self._unheard.take(piece.shape[2]))
            found.append(self._take())
        return np.concatenate(found, axis=2)

    def _open_companion(self, companion: Companion, level: Level) -> CompanionStream:
        network, spec, _ = companion
        watch, both_polarities = self._watch, self._both_polarities
        longest = longest_input(spec)

        def process(segments: Audio) -> Audio:
            watch.before_chunk(COMPANION)
            with watch.stages.time(COMPANION), np.errstate(over="ignore", invalid="ignore"):
                found = network(segments)
                if both_polarities:
                    found = np.float32(0.5) * (found - network(-segments))
            count, _, samples = segments.shape
            watch.after_chunk(COMPANION, share=samples / longest, count=count)
            return found

        return CompanionStream(spec, level, process, lambda: watch.skip_chunk(COMPANION))

    def _take(self) -> Audio:
        # What is ready in all streams. Shape: (4, 2, n)
        ready = min(fifo.samples for fifo in self._waiting.values())
        starts = range(0, ready, PIECE)
        nothing = np.zeros((len(SOURCES), CHANNELS, 0), dtype=np.float32)
        return np.concatenate([nothing, *(self._join(min(PIECE, ready - at)) for at in starts)], 2)

    def _join(self, samples: int) -> Audio:
        # Shape: (4, 2, samples)
        found = {name: fifo.take(samples) for name, fifo in self._waiting.items()}
        mix, companion = found.pop("mix"), found.pop(COMPANION, None)
        with np.errstate(over="ignore", invalid="ignore"):
            rest = mix.copy()
            for stem in found.values():
                rest -= stem
            rest /= max(1, len(SOURCES) - len(found))
            stems: Audio = np.stack([found.get(source, rest) for source in SOURCES])
            if self._mixer:
                with self._watch.stages.time("mixer"):
                    stems = self._mixer(stems, mix)
            if companion is not None:
                stems = companion + self._shares * (stems - companion)
        check_finite(stems)
        return stems


def way_through(
    name: str, member: Member, watch: Watch, *, both_polarities: bool = False, lowest_bins: int = 0
) -> Callable[[Audio], Audio]:
    """What a chunk goes through: STFT, network, inverse, under the eyes of a watch.

    `both_polarities` averages f(x) and -f(-x); the network is shown zeros in place of the
    `lowest_bins`. Shape: (2, chunk) -> the same.
    """
    network, stft = member

    def process(chunk: Audio) -> Audio:
        watch.before_chunk(name)
        with np.errstate(over="ignore", invalid="ignore"):  # found out by check_finite
            with watch.stages.time("stft"):
                spectrogram = stft.forward(chunk)
                spectrogram[:, :lowest_bins] = 0
            with watch.stages.time(name):
                found = network(spectrogram)
                if both_polarities:
                    found = np.float32(0.5) * (found - network(-spectrogram))
            with watch.stages.time("istft"):
                estimate = stft.inverse(found)
        watch.after_chunk(name)
        return estimate

    return process


def check_finite(stems: Audio) -> None:
    """Raise NetworkError for NaN and infinity."""
    if not np.isfinite(stems).all():
        raise NetworkError(
            "stems",
            got="NaN or infinity",
            expected="finite samples",
            hint="the song is far beyond full scale, or a network is broken",
        )


def _open(source: str, member: Member, watch: Watch, *, both_polarities: bool) -> ChunkStream:
    process = way_through(source, member, watch, both_polarities=both_polarities)
    return ChunkStream(member.stft.spec, process, lambda: watch.skip_chunk(source))


class Fifo:
    """Where the mixture and streams with chunks of their own wait for each other."""

    def __init__(self) -> None:
        self._blocks: deque[Audio] = deque()
        self._nothing: Audio = np.zeros((CHANNELS, 0), dtype=np.float32)
        self.samples = 0

    def put(self, block: Audio) -> None:
        """Put in what is new. Shape: (..., n)."""
        self._blocks.append(block)
        self._nothing = block[..., :0]
        self.samples += block.shape[-1]

    def take(self, samples: int) -> Audio:
        """Take out what is oldest. Shape: (..., samples)."""
        taken = [self._nothing]
        while (left := samples - sum(block.shape[-1] for block in taken)) > 0:
            taken.append(self._blocks.popleft())
        if left < 0:
            self._blocks.appendleft(taken[-1][..., left:].copy())  # not to keep what is taken
            taken[-1] = taken[-1][..., :left]
        self.samples -= samples
        return np.concatenate(taken, axis=-1)
