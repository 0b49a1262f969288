"""A song at one quality level: the estimators' streams, aligned and combined block by block."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from mdx.audio.fifo import Fifo
from mdx.combine.protocol import Combiner
from mdx.errors import NetworkError
from mdx.estimators.normalise import Normalisation
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.protocol import Estimator, SegmentListener
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio

PIECE = 2**17  # most samples that are combined at a time
FAR_BEHIND = 2  # latency, in multiples of all others', from which the others wait for an estimator


class Stream(Protocol):
    """Blocks of mixture in, blocks of stems out: all samples, in order, some segments late."""

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (stems, 2, m), finished by them."""
        ...

    def finish(self) -> Audio:
        """End the song; returns the samples still pending. Shape: (stems, 2, m)."""
        ...


class Pipeline:
    """The stream of one quality level; without estimators, every stem is a share of the mixture.

    One estimator may lag a minute behind and then return much at once (Demucs-v2). Each block is
    passed to the others once its stems for that block are available: until then only the mixture is
    buffered.
    """

    def __init__(
        self,
        stems: Sequence[str],
        estimators: Sequence[Estimator],
        combiners: Sequence[Combiner],
        *,
        last: Estimator | None = None,
        listeners: Sequence[SegmentListener] = (),
        stages: Stages | None = None,
        normalisations: Mapping[str, Normalisation] | None = None,
    ) -> None:
        """`combiners` must end with all `stems`; `normalisations` are the song's, by kind.

        `last` is the filter that all stems go through in the end, together with the mixture.
        """
        self._stems = tuple(stems)
        self._combiners = tuple(combiners)
        self._stages = stages or Stages()
        self._makes = {estimator.name: estimator.makes for estimator in estimators}
        self._aside = {step.estimator for step in combiners}
        known = normalisations or {}
        self._streams = {
            estimator.name: OverlapAdd(
                estimator, listeners=listeners, stages=self._stages,
                normalisation=known[estimator.normalise] if estimator.normalise else None,
            )
            for estimator in estimators
        }  # fmt: skip
        self._filter = None
        if last is not None:
            self._filter = OverlapAdd(last, listeners=listeners, stages=self._stages)
        self._leader = _find_leader(estimators)
        self._ahead = Fifo()  # mixture that is buffered for the leader
        self._waiting = {name: Fifo() for name in (None, *self._streams)}  # None: the mixture

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (stems, 2, m), finished by them.

        Raises NetworkError for NaN and infinity, and whatever a listener raises.
        """
        if self._leader is None:
            self._pass_on(mix)
            return self._take()
        self._ahead.put(mix)
        return self._follow(self._streams[self._leader].push(mix))

    def finish(self) -> Audio:
        """End the song; returns the samples still pending. Shape: (stems, 2, m)."""
        found = []
        if self._leader is not None:
            found.append(self._follow(self._streams[self._leader].finish()))
        for name, stream in self._streams.items():
            if name != self._leader:
                self._waiting[name].put(stream.finish())
        found.append(self._take())
        if self._filter is not None:
            found.append(self._filter.finish())
            check_finite(found[-1])
        return np.concatenate(found, axis=2)

    def _follow(self, estimates: Audio) -> Audio:
        # The leader's finished stems in, then the others run. Shape: (makes, 2, n) -> (stems, 2, m)
        found = [self._nothing()]
        for start in range(0, estimates.shape[2], PIECE):
            piece = estimates[:, :, start : start + PIECE]
            self._waiting[self._leader].put(piece)
            self._pass_on(self._ahead.take(piece.shape[2]))
            found.append(self._take())
        return np.concatenate(found, axis=2)

    def _pass_on(self, mix: Audio) -> None:
        self._waiting[None].put(mix)
        for name, stream in self._streams.items():
            if name != self._leader:
                self._waiting[name].put(stream.push(mix))

    def _take(self) -> Audio:
        # What is ready in all streams, or in the filter behind them. Shape: (stems, 2, n)
        ready = min(fifo.samples for fifo in self._waiting.values())
        pieces = [self._combine(min(PIECE, ready - at)) for at in range(0, ready, PIECE)]
        return np.concatenate([self._nothing(), *pieces], axis=2)

    def _combine(self, samples: int) -> Audio:
        # Shape: (stems, 2, samples), or what the filter makes of them
        found = {name: fifo.take(samples) for name, fifo in self._waiting.items()}
        mix = found[None]
        parts = {
            name: dict(zip(made, found[name], strict=True)) for name, made in self._makes.items()
        }
        stems: Mapping[str, Audio] = {
            stem: audio
            for name, made in parts.items()
            if name not in self._aside
            for stem, audio in made.items()
        }
        with self._stages.time("combine"), np.errstate(over="ignore", invalid="ignore"):
            for step in self._combiners:
                aside = None if step.estimator is None else parts.get(step.estimator)
                stems = step(stems, aside, mix)
        together = np.stack([stems[stem] for stem in self._stems])
        if self._filter is not None:
            together = self._filter.push(np.concatenate([*together, mix]))
        check_finite(together)
        return together

    def _nothing(self) -> Audio:
        return np.zeros((len(self._stems), CHANNELS, 0), dtype=np.float32)


def _find_leader(estimators: Sequence[Estimator]) -> str | None:
    ordered = sorted(estimators, key=lambda estimator: estimator.geometry.latency)
    if len(ordered) < 2:
        return None
    latest, next_latest = ordered[-1].geometry.latency, ordered[-2].geometry.latency
    return ordered[-1].name if latest >= FAR_BEHIND * next_latest else None


def check_finite(stems: Audio) -> None:
    """Raise NetworkError for NaN and infinity. Shape: any."""
    if not np.isfinite(stems).all():
        raise NetworkError(
            "stems",
            got="NaN or infinity",
            expected="finite samples",
            hint="the song is far beyond full scale, or a network is broken",
        )
