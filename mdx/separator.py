"""The only place where the stages meet: a song in, its stems out, in blocks."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mdx.audio.formats import CHALLENGE, SLOWEST_ENCODER, Encoding
from mdx.audio.places import places_of
from mdx.audio.read import BLOCK, SongReader, check_sample_rate
from mdx.audio.remainder import Remainder
from mdx.audio.resample import fit_to, resample
from mdx.audio.spool import song_file
from mdx.audio.tags import read_tags
from mdx.audio.write import StemWriter
from mdx.errors import AudioError, ConfigError
from mdx.estimators.front_ends import is_heavy
from mdx.estimators.normalise import Normalisation, measure
from mdx.limit.cost import segment_cost
from mdx.limit.deadline import Costs, Deadline
from mdx.limit.fallback import Fallback
from mdx.limit.ladder import Ladder
from mdx.limit.policy import Limit
from mdx.limit.quality import write_quality
from mdx.loading import load_ladder
from mdx.monitor import Monitor, Progress
from mdx.pipeline import Stream
from mdx.runtimes.runtime import Runtime
from mdx.stages import Stages
from mdx.systems.find import DEFAULT_SYSTEM, find_system
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, Audio


class Separator:
    """A system, loaded and ready: any number of songs can be separated with it.

    Several threads may use one Separator at once, on every runtime. The process it runs in is left
    as it is: a program that wants to hold less memory calls mdx.runtimes.memory.save_memory first.
    """

    def __init__(
        self, ladder: Ladder, *, threads: int = 1, sources: Sequence[str] | None = None,
        costs: Costs | None = None,
    ) -> None:  # fmt: skip
        """`threads` are only reported: networks and STFTs are configured separately.

        `sources` are the stems that are made, by default all that the ladder has; `costs` are the
        seconds of a segment, which a time limit needs.
        """
        self.ladder = ladder
        self.threads = threads
        self.sources = tuple(s for s in ladder.stems if sources is None or s in sources)
        # The runtimes and precisions of the best level without repetition: usually one of each.
        networks = [part.network for part in ladder.running(ladder.levels[0]) if part.network]
        self.runtime = ", ".join(sorted({network.runtime for network in networks}))
        self.precision = ", ".join(sorted({network.precision for network in networks}))
        self._costs = costs

    @classmethod
    def load(
        cls, system: str | Path = DEFAULT_SYSTEM, *, threads: int | None = None,
        runtime: str = "auto", provider: str = "cpu", precision: str = "float32",
        sources: Sequence[str] | None = None, limited: bool = False, spend_budget: bool = False,
    ) -> "Separator":  # fmt: skip
        """Load a system by name, or by the path of its YAML; weights are verified on the way.

        `threads` are by default as many as there are CPUs for this process; `runtime` and
        `provider` are those of mdx.runtimes, `precision` is that of mdx.systems.weights. Stems of
        `sources` are made, by default all that the system has; the Mixer needs the estimators of
        all. `limited` loads the lower quality levels of the system's ladder as well, and measures
        how fast all of them are here; `spend_budget` puts a slower and better one on top. Raises
        ConfigError, WeightsError or NetworkError: nothing missing is ever replaced.
        """
        spec, folder = find_system(system)
        sources = spec.stems if sources is None else sources
        if not sources or not set(sources) <= set(spec.stems):
            raise ConfigError("sources", got=list(sources), expected=f"some of {list(spec.stems)}")
        backend = Runtime(runtime, provider=provider, threads=threads, lean=is_heavy(spec))
        ladder = load_ladder(
            spec, folder, backend, precision, where=system, limited=limited, spend=spend_budget,
            stems=sources,
        )  # fmt: skip
        costs = None
        if limited:
            costs = {key: segment_cost(part) for key, part in ladder.estimators.items()}
            if ladder.filter is not None:
                seconds = segment_cost(ladder.filter)
                costs |= {(it.precision, ladder.filter.name): seconds for it in ladder.levels}
        return cls(ladder, threads=backend.workers, sources=sources, costs=costs)

    def separate(
        self, mix: Audio, sample_rate: int, *, progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> dict[str, Audio]:  # fmt: skip
        """Separate an array: stems by source name, at the same rate and of the same length.

        Full scale is -1 to 1. Shape: mix (2, samples), or (samples,) for mono -> (2, samples)
        each. Raises AudioError for another shape, integers, no samples, NaN or infinity;
        Cancelled once `cancel` is set.
        """
        if not np.issubdtype(np.asarray(mix).dtype, np.floating):
            raise AudioError("mix", got=np.asarray(mix).dtype, expected="floats from -1 to 1")
        mix = np.asarray(mix, dtype=np.float32)
        if mix.ndim == 1:
            mix = np.stack([mix, mix])
        if mix.ndim != 2 or len(mix) != CHANNELS or not mix.size:
            raise AudioError("mix", got=f"shape {mix.shape}", expected="(2, samples) or (samples,)")
        check_sample_rate("mix", sample_rate)
        if not np.isfinite(mix).all():
            raise AudioError("mix", got="NaN or infinity", expected="finite samples")
        samples = mix.shape[1]

        def blocks() -> Iterator[Audio]:
            return (mix[:, start : start + BLOCK] for start in range(0, samples, BLOCK))

        monitor = Monitor("mix", progress=progress, cancel=cancel)
        normalisations = self._normalise(blocks(), sample_rate, monitor)
        frames = -(-samples * SAMPLE_RATE // sample_rate)
        stream = self._open(frames, monitor, normalisations, None)
        parts = self._separate_blocks(blocks(), sample_rate, stream, monitor)
        stems = np.concatenate(list(parts), axis=2)
        monitor.check()
        monitor.finish()
        stems = np.pad(stems, ((0, 0), (0, 0), (0, max(0, samples - stems.shape[2]))))
        return {source: stems[index, :, :samples] for index, source in enumerate(self.sources)}

    def separate_file(
        self, path: str | Path, out: str | Path | Mapping[str, str | Path], *,
        encoding: Encoding = CHALLENGE, rest: str | None = None, downmix: bool = False,
        stream: int | None = None, progress: Progress | None = None,
        cancel: threading.Event | None = None, stages: Stages | None = None,
        limit: Limit | None = None,
    ) -> dict[str, Path]:  # fmt: skip
        """Separate an audio file into a file a stem, in constant memory; returns their paths.

        `out` is a folder, or a path for each stem; `encoding` is that of the challenge, WAV of 16
        bits, by default. `rest` names one stem more: what the others leave of the song. All have
        the song's own sample rate and length. `stream` is one of several audio streams, counted
        from 1; the path `-` is the standard input. `stages` gets the seconds of each stage. With a
        `limit`, quality is what fits into it, counted from this call, and `quality.json` beside the
        stems tells what it was. Raises AudioError, NetworkError, OutputError, ConfigError for
        another `out`, or Cancelled; then no stem is written.
        """
        started = time.monotonic()
        stems = (*self.sources, rest) if rest else self.sources
        paths = places_of(out, Path(path), stems, encoding.suffix)
        with (
            song_file(Path(path)) as file,
            SongReader(file, downmix=downmix, stream=stream, name=path) as song,
        ):
            rate, frames = song.sample_rate, song.count()
            seconds = 0 if encoding.is_draft else frames / rate * len(stems) * SLOWEST_ENCODER
            deadline = self._deadline(path, limit, frames, rate, started, seconds)
            monitor = Monitor(path, progress=progress, cancel=cancel, stages=stages)
            normalisations = self._normalise_file(song, monitor)
            remainder = Remainder() if rest else None
            blocks = remainder.watch(song.blocks()) if remainder else song.blocks()
            samples = -(-frames * SAMPLE_RATE // rate)
            pipeline = self._open(samples, monitor, normalisations, deadline)
            writer = StemWriter(
                paths, sample_rate=rate, frames=frames, encoding=encoding,
                tags=None if encoding.format == "wav" else read_tags(file),
            )  # fmt: skip

            with writer:
                parts = self._separate_blocks(blocks, rate, pipeline, monitor)
                for part in fit_to(parts, song, len(self.sources)):
                    with monitor.stages.time("write"):
                        writer.append(remainder.added_to(part) if remainder else part)
                monitor.check()
        monitor.finish()
        write_quality(paths, self.ladder, deadline)
        return paths

    def _normalise_file(self, song: SongReader, monitor: Monitor) -> dict[str, Normalisation]:
        # A first pass over the song with a second reader, if an estimator needs it.
        if not self.ladder.normalise_by:
            return {}
        with song.again() as first:
            return self._normalise(first.blocks(), song.sample_rate, monitor)

    def _normalise(
        self, blocks: Iterable[Audio], sample_rate: int, monitor: Monitor
    ) -> dict[str, Normalisation]:
        # Shape: (2, n) blocks at the song's rate
        def checked() -> Iterator[Audio]:
            for block in blocks:
                monitor.check()
                yield block

        if not self.ladder.normalise_by:
            return {}
        mixture = monitor.stages.each("read", resample(checked(), sample_rate, SAMPLE_RATE))
        return measure(mixture, self.ladder.normalise_by)

    def _deadline(
        self,
        song: object,
        limit: Limit | None,
        frames: int,
        sample_rate: int,
        started: float,
        encoding_seconds: float,
    ) -> Deadline | None:
        seconds = limit.seconds(frames / sample_rate) if limit else None
        if seconds is None:
            return None
        if self._costs is None:
            raise ConfigError("limit", got=str(limit), expected="none", hint="load with limited")
        levels = self.ladder.levels
        return Deadline(
            seconds, levels, self._costs, self.ladder.geometries, started=started, song=song,
            once={part.name for part in self.ladder.parts(levels[0]) if part.network is None},
            encoding=encoding_seconds, sample_rate=sample_rate,
        )  # fmt: skip

    def _open(
        self, samples: int, monitor: Monitor, normalisations: Mapping[str, Normalisation],
        deadline: Deadline | None,
    ) -> Stream:  # fmt: skip
        # The song's expected number of samples at 44.1 kHz, if known.
        if deadline is not None:
            return Fallback(
                samples, deadline, self.ladder, monitor, normalisations=normalisations
            )  # fmt: skip
        best = self.ladder.levels[0]
        monitor.expect(self.ladder.count_segments(best, samples))
        return self.ladder.open(
            best, listeners=[monitor], stages=monitor.stages, normalisations=normalisations
        )

    def _separate_blocks(
        self, blocks: Iterable[Audio], sample_rate: int, stream: Stream, monitor: Monitor
    ) -> Iterator[Audio]:
        # Shape: (2, n) blocks at the song's rate -> (sources, 2, m) blocks at the song's rate
        mixture = monitor.stages.each("read", resample(blocks, sample_rate, SAMPLE_RATE))
        names = self.ladder.stems
        wanted = [names.index(source) for source in self.sources]
        kept = slice(None) if self.sources == names else wanted  # a list would copy all of it

        def stems() -> Iterator[Audio]:
            for block in mixture:
                yield stream.push(block)[kept]
            yield stream.finish()[kept]

        return resample(stems(), SAMPLE_RATE, sample_rate)
