"""The only place where the stages meet: a song in, its stems out, in blocks."""

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mdx.audio.formats import Encoding
from mdx.audio.read import BLOCK, SongReader, check_sample_rate
from mdx.audio.remainder import Remainder
from mdx.audio.resample import resample
from mdx.audio.spool import song_file
from mdx.audio.tags import read_tags
from mdx.audio.write import StemWriter
from mdx.errors import AudioError, ConfigError, OutputError
from mdx.estimators.companion import Level, measure_level
from mdx.limit.fallback import Descent
from mdx.limit.ladder import Ladder, load_ladder
from mdx.limit.policy import Deadline, Limit
from mdx.machine import hold_no_freed_memory
from mdx.monitor import Progress, Watch
from mdx.pipeline import Way
from mdx.runtimes.runtime import Engine
from mdx.stages import Stages
from mdx.systems.find import find_system
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, SOURCES, Audio, Rung
from mdx.two_stems import load_two_stems

log = logging.getLogger(__name__)


class Separator:
    """A system, loaded and ready: any number of songs can be separated with it."""

    def __init__(
        self, ladder: Ladder, *, threads: int = 1, sources: Sequence[str] | None = None
    ) -> None:
        """`threads` is what is told of it; networks and STFTs bring their own.

        `sources` are the stems that are made: by default all that the ladder has.
        """
        self.ladder = ladder
        self.threads = threads
        self.sources = tuple(s for s in ladder.stems if sources is None or s in sources)
        # The engines and precisions at work on the best rung, each once: usually one of both.
        networks = ladder.networks(ladder.rungs[0])
        self.runtime = ", ".join(sorted({network.runtime for network in networks}))
        self.precision = ", ".join(sorted({network.precision for network in networks}))
        self._costs: dict[tuple[str, str], float] | None = None

    @classmethod
    def load(
        cls, system: str | Path = "demo", *, threads: int | None = None, runtime: str = "auto",
        provider: str = "cpu", precision: str = "float32", sources: Sequence[str] | None = None,
        limited: bool = False, spend_budget: bool = False,
    ) -> "Separator":  # fmt: skip
        """Load a system by name, or by the path of its YAML; weights are verified on the way.

        `threads` are by default as many as there are CPUs for this process; `runtime` and
        `provider` are those of mdx.runtimes, `precision` is that of mdx.systems.weights. Stems of
        `sources` are made, by default all that the system has; fewer do without the Mixer, which
        needs all.
        `limited` loads the lower rungs of the system's ladder as well, and measures how fast all of
        them are here; `spend_budget` puts a slower and better one on top. A system with a companion
        has this process's C library hold less memory from now on. Raises ConfigError, WeightsError
        or NetworkError: nothing missing is ever replaced.
        """
        spec, folder = find_system(system)
        sources = spec.stems if sources is None else sources
        if not sources or not set(sources) <= set(spec.stems):
            raise ConfigError("sources", got=list(sources), expected=f"some of {list(spec.stems)}")
        # Beside a companion, of a gigabyte by itself, memory is worth some time.
        lean = spec.companion is not None
        engine = Engine(runtime=runtime, provider=provider, threads=threads, lean=lean)
        ladder: Ladder
        if spec.two_stems:
            ladder = load_two_stems(
                spec, folder, engine, precision, limited=limited, spend=spend_budget
            )
        else:
            ladder = load_ladder(
                spec, folder, engine, precision,
                limited=limited, spend=spend_budget, sources=sources,
            )  # fmt: skip
        if lean:
            hold_no_freed_memory()
        separator = cls(ladder, threads=engine.workers, sources=sources)
        if limited:
            separator._costs = ladder.measure()
        return separator

    def separate(
        self,
        mix: Audio,
        sample_rate: int,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> dict[str, Audio]:
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

        watch = Watch("mix", progress=progress, cancel=cancel)
        level = self._level(blocks(), sample_rate, watch) if self.ladder.companion else None
        way = self._stream(blocks(), sample_rate, samples, watch, level)
        stems = np.concatenate(list(way), axis=2)
        watch.check()
        watch.finish()
        stems = np.pad(stems, ((0, 0), (0, 0), (0, max(0, samples - stems.shape[2]))))
        return {source: stems[index, :, :samples] for index, source in enumerate(self.sources)}

    def separate_file(
        self,
        path: str | Path,
        out: str | Path | Mapping[str, Path],
        *,
        subtype: str = "PCM_16",
        encoding: Encoding | None = None,
        rest: str | None = None,
        downmix: bool = False,
        stream: int | None = None,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        stages: Stages | None = None,
        limit: Limit | None = None,
    ) -> dict[str, Path]:
        """Separate an audio file into a file a stem, in constant memory; returns their paths.

        `out` is a folder, or a path for each stem; `subtype` of a WAV is PCM_16 (as the challenge
        does), PCM_24 or FLOAT; `encoding` is for any other file. `rest` names one stem more: what
        the others leave of the song. All have the song's own sample rate and length. `stream` is
        one of several audio streams, counted from 1; the path `-` is the standard input. `stages`
        gets the seconds of each stage. With a `limit`, quality is what fits into it, counted from
        this call, and `quality.json` beside the stems tells what it was. Raises AudioError,
        NetworkError, OutputError, ConfigError for another `out` or `subtype`, or Cancelled; then no
        stem is written.
        """
        started = time.monotonic()
        encoding = Encoding(subtype=subtype) if encoding is None else encoding
        paths = self._places(out, Path(path), encoding, rest)
        with (
            song_file(Path(path)) as file,
            SongReader(file, downmix=downmix, stream=stream, name=path) as song,
        ):
            rate, frames = song.sample_rate, song.count()
            deadline = self._deadline(limit, frames / rate, started)
            watch = Watch(path, progress=progress, cancel=cancel, stages=stages, deadline=deadline)
            level = self._level_of_file(song, watch) if self.ladder.companion else None
            remainder = Remainder() if rest else None
            blocks = remainder.watch(song.blocks()) if remainder else song.blocks()
            writer = StemWriter(
                paths, sample_rate=rate, frames=frames, encoding=encoding,
                tags=None if encoding.format == "wav" else read_tags(file),
            )  # fmt: skip

            def write(stems: Audio) -> None:
                writer.append(remainder.added_to(stems) if remainder else stems)

            with writer:
                for stems in self._stream(blocks, rate, frames, watch, level):
                    # Resampled there and back, a song may differ from itself by a sample.
                    with watch.stages.time("write"):
                        write(stems[:, :, : song.position - writer.written])
                missing = song.position - writer.written
                write(np.zeros((len(self.sources), CHANNELS, missing), dtype=np.float32))
                watch.check()
        watch.finish()
        _write_quality(next(iter(paths.values())).parent / "quality.json", deadline, list(paths))
        return paths

    def _places(
        self, out: str | Path | Mapping[str, Path], song: Path, encoding: Encoding, rest: str | None
    ) -> dict[str, Path]:
        # Where the stems are written, in their order.
        stems = (*self.sources, rest) if rest else self.sources
        if isinstance(out, Mapping):
            paths = dict(out)
        else:
            paths = stem_paths(Path(out), stems, encoding.suffix)
        if set(paths) != set(stems) or len(set(stems)) != len(stems):
            raise ConfigError("stems", got=list(paths), expected=f"{', '.join(stems)}, each once")
        if song.resolve() in {stem.resolve() for stem in paths.values()}:
            raise OutputError(
                song, got="the song itself as a stem's place", expected="another folder"
            )
        return {source: paths[source] for source in stems}

    def _level_of_file(self, song: SongReader, watch: Watch) -> Level:
        # A first pass over the song, by a reader of its own.
        with song.again() as first:
            return self._level(first.blocks(), song.sample_rate, watch)

    def _level(self, blocks: Iterable[Audio], sample_rate: int, watch: Watch) -> Level:
        # What the companion's input is normalised by. Shape: (2, n) blocks at the song's rate
        def checked() -> Iterator[Audio]:
            for block in blocks:
                watch.check()
                yield block

        assert self.ladder.companion is not None
        mixture = watch.stages.each("read", resample(checked(), sample_rate, SAMPLE_RATE))
        return measure_level(mixture, self.ladder.companion.normalise)

    def _deadline(self, limit: Limit | None, duration: float, started: float) -> Deadline | None:
        seconds = limit.seconds(duration) if limit else None
        if seconds is None:
            return None
        if self._costs is None:
            raise ConfigError("limit", got=str(limit), expected="none", hint="load with limited")
        return Deadline(
            seconds, self.ladder.rungs, self._costs, self.ladder.steps(), started=started
        )

    def _stream(
        self,
        blocks: Iterable[Audio],
        sample_rate: int,
        frames: int,
        watch: Watch,
        level: Level | None,
    ) -> Iterator[Audio]:
        # Shape: (2, n) blocks at the song's rate -> (sources, 2, m) blocks at the song's rate
        mixture = watch.stages.each("read", resample(blocks, sample_rate, SAMPLE_RATE))
        samples = int(-(-frames * SAMPLE_RATE // sample_rate))
        stems = self._separate_blocks(mixture, samples, watch, level)
        return resample(stems, SAMPLE_RATE, sample_rate)

    def _separate_blocks(
        self, mixture: Iterable[Audio], samples: int, watch: Watch, level: Level | None
    ) -> Iterator[Audio]:
        # Shape: (2, n) blocks at 44.1 kHz -> (sources, 2, m) blocks at 44.1 kHz
        def begin(rung: Rung, left: int) -> Way:
            watch.expect(self.ladder.count_chunks(rung, left))
            return self.ladder.open(rung, watch, level)

        names = self.ladder.stems
        way: Way
        if watch.deadline:
            way = Descent(samples, watch.deadline, begin, stems=len(names))
        else:
            way = begin(self.ladder.rungs[0], samples)
        wanted = [names.index(source) for source in self.sources]
        kept = slice(None) if self.sources == names else wanted  # a list would copy all of it
        for block in mixture:
            yield way.push(block)[kept]
        yield way.finish()[kept]


def _write_quality(path: Path, deadline: Deadline | None, sources: Sequence[str]) -> None:
    # The stems are there by now: what is told of them must not cost them.
    try:
        if deadline is not None:
            summary = {"sources": list(sources), **deadline.summary()}
            path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        elif path.is_file():
            old = json.loads(path.read_text(encoding="utf-8"))
            if "decisions" in old and set(old.get("sources", SOURCES)) <= set(sources):
                path.unlink()  # ours, of the stems that were here before
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s: %s", path, error)


def stem_paths(
    folder: Path, sources: Sequence[str] = SOURCES, suffix: str = ".wav"
) -> dict[str, Path]:
    """Where the stems of a song lie in its folder: `<folder>/<source>.wav`."""
    return {source: folder / f"{source}{suffix}" for source in sources}
