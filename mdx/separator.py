"""The only place where the stages meet: a song in, four stems out, in blocks."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from mdx.audio import BLOCK, SongReader, check_sample_rate, resample
from mdx.chunks import ChunkStream
from mdx.engine import Engine
from mdx.errors import AudioError, Cancelled, ConfigError, NetworkError, OutputError
from mdx.mixer import Mixer, read_mixer
from mdx.net import Network
from mdx.spec import CHANNELS, SAMPLE_RATE, SOURCES, Audio, SeparatorSpec, StftSpec, find_system
from mdx.stages import Stages
from mdx.stems import SUBTYPES, StemWriter
from mdx.stft import Stft
from mdx.weights import name_for, read_weights

Progress = Callable[[int, int, str], None]  # chunks done, chunks in all (expected), stage


class Separator:
    """A system, loaded and ready: any number of songs can be separated with it."""

    def __init__(
        self,
        networks: Mapping[str, tuple[Network, StftSpec]],
        mixer: Mixer | None = None,
        *,
        threads: int = 1,
    ) -> None:
        """`networks` holds a network and the STFT around it for each of the four sources.

        `threads` are those of the STFT; each network brings its own.
        """
        self._networks = {source: networks[source][0] for source in SOURCES}
        self._stfts = {source: Stft(networks[source][1], workers=threads) for source in SOURCES}
        self._mixer = mixer
        self.threads = threads
        # The engines and precisions at work, each once: usually one of both.
        self.runtime = ", ".join(sorted({net.runtime for net in self._networks.values()}))
        self.precision = ", ".join(sorted({net.precision for net in self._networks.values()}))

    @classmethod
    def load(
        cls, system: str | Path = "demo", *, threads: int | None = None, runtime: str = "auto",
        provider: str = "cpu", precision: str = "float32",
    ) -> "Separator":  # fmt: skip
        """Load a system by name, or by the path of its YAML; weights are verified on the way.

        `threads` are by default as many as there are CPUs for this process; `runtime` and
        `provider` are those of mdx.engine, `precision` is that of mdx.weights. Raises ConfigError,
        WeightsError or NetworkError: nothing missing is ever replaced.
        """
        spec, folder = find_system(system)
        engine = Engine(runtime=runtime, provider=provider, threads=threads)
        networks = {
            source: load_network(spec.separators[source], folder, engine, precision)
            for source in SOURCES
        }
        mixer = None
        if spec.mixer is not None:
            mixer = read_mixer(read_weights(folder, spec.mixer), spec.mixer)
        return cls(networks, mixer, threads=engine.workers)

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
        blocks = (mix[:, start : start + BLOCK] for start in range(0, samples, BLOCK))
        watch = _Watch("mix", self._count_chunks(samples, sample_rate), progress, cancel)
        stems = np.concatenate(list(self._stream(blocks, sample_rate, watch)), axis=2)
        watch.check()
        watch.finish()
        stems = np.pad(stems, ((0, 0), (0, 0), (0, max(0, samples - stems.shape[2]))))
        return {source: stems[index, :, :samples] for index, source in enumerate(SOURCES)}

    def separate_file(
        self,
        path: str | Path,
        out: str | Path | Mapping[str, Path],
        *,
        subtype: str = "PCM_16",
        downmix: bool = False,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        stages: Stages | None = None,
    ) -> dict[str, Path]:
        """Separate an audio file into four WAV files, in constant memory; returns their paths.

        `out` is a folder, or a path for each source; `subtype` is PCM_16 (as the challenge does),
        PCM_24 or FLOAT. The stems have the song's own sample rate and length. `stages` gets the
        seconds of each stage. Raises AudioError, NetworkError, OutputError, ConfigError for another
        `out` or `subtype`, or Cancelled; then no stem is written.
        """
        paths = dict(out) if isinstance(out, Mapping) else stem_paths(Path(out))
        if set(paths) != set(SOURCES) or subtype not in SUBTYPES:
            raise ConfigError(
                "stems",
                got=f"{subtype} for {list(paths)}",
                expected=f"one of {', '.join(SUBTYPES)}, for {', '.join(SOURCES)}",
            )
        if Path(path).resolve() in {stem.resolve() for stem in paths.values()}:
            raise OutputError(
                path, got="the song itself as a stem's place", expected="another folder"
            )
        with SongReader(Path(path), downmix=downmix) as song:
            rate, frames = song.sample_rate, song.frames
            chunks = self._count_chunks(frames, rate)
            watch = _Watch(path, chunks, progress, cancel, stages)
            with StemWriter(paths, sample_rate=rate, frames=frames, subtype=subtype) as writer:
                for stems in self._stream(song.blocks(), rate, watch):
                    # Resampled there and back, a song may differ from itself by a sample.
                    with watch.stages.time("write"):
                        writer.append(stems[:, :, : song.position - writer.written])
                missing = song.position - writer.written
                writer.append(np.zeros((len(SOURCES), CHANNELS, missing), dtype=np.float32))
                watch.check()
        watch.finish()
        return paths

    def _stream(
        self, blocks: Iterable[Audio], sample_rate: int, watch: "_Watch"
    ) -> Iterator[Audio]:
        # Shape: (2, n) blocks at the song's rate -> (4, 2, m) blocks at the song's rate
        mixture = watch.stages.each("read", resample(blocks, sample_rate, SAMPLE_RATE))
        return resample(self._separate_blocks(mixture, watch), SAMPLE_RATE, sample_rate)

    def _separate_blocks(self, mixture: Iterable[Audio], watch: "_Watch") -> Iterator[Audio]:
        # Shape: (2, n) blocks at 44.1 kHz -> (4, 2, m) blocks at 44.1 kHz
        streams = {source: self._open_stream(source, watch) for source in SOURCES}
        queue = _Queue()
        for block in mixture:
            finished = {source: stream.push(block) for source, stream in streams.items()}
            yield self._mix(*queue.exchange(block, finished), watch.stages)
        finished = {source: stream.finish() for source, stream in streams.items()}
        rest = queue.exchange(np.zeros((CHANNELS, 0), dtype=np.float32), finished)
        yield self._mix(*rest, watch.stages)

    def _open_stream(self, source: str, watch: "_Watch") -> ChunkStream:
        stft, network = self._stfts[source], self._networks[source]

        def process(chunk: Audio) -> Audio:
            watch.before_chunk(source)
            with np.errstate(over="ignore", invalid="ignore"):  # found out in _mix
                with watch.stages.time("stft"):
                    spectrogram = stft.forward(chunk)
                with watch.stages.time(source):
                    spectrogram = network(spectrogram)
                with watch.stages.time("istft"):
                    estimate = stft.inverse(spectrogram)
            watch.after_chunk(source)
            return estimate

        return ChunkStream(stft.spec, process)

    def _mix(self, stems: Audio, mix: Audio, stages: Stages) -> Audio:
        if self._mixer:
            with stages.time("mixer"):
                stems = self._mixer(stems, mix)
        if not np.isfinite(stems).all():
            raise NetworkError(
                "stems",
                got="NaN or infinity",
                expected="finite samples",
                hint="the song is far beyond full scale, or a network is broken",
            )
        return stems

    def _count_chunks(self, frames: int, sample_rate: int) -> int:
        samples = frames * SAMPLE_RATE / sample_rate
        return sum(int(-(-samples // stft.spec.step)) for stft in self._stfts.values())


class _Queue:
    """Where the mixture and four streams with chunks of their own wait for each other."""

    def __init__(self) -> None:
        empty = np.zeros((CHANNELS, 0), dtype=np.float32)
        self._stems = dict.fromkeys(SOURCES, empty)
        self._mix: Audio = empty

    def exchange(self, mix: Audio, finished: Mapping[str, Audio]) -> tuple[Audio, Audio]:
        """Put in what is new, take out what all five have. Shape: (4, 2, n) and (2, n)."""
        self._mix = np.concatenate([self._mix, mix], axis=1)
        for source, samples in finished.items():
            self._stems[source] = np.concatenate([self._stems[source], samples], axis=1)
        ready = min(samples.shape[1] for samples in self._stems.values())
        stems = np.stack([self._stems[source][:, :ready] for source in SOURCES])
        self._stems = {source: samples[:, ready:] for source, samples in self._stems.items()}
        mix, self._mix = self._mix[:, :ready], self._mix[:, ready:]
        return stems, mix


class _Watch:
    """Counts chunks for the caller's progress and ends the song where the caller asks for it."""

    def __init__(
        self,
        song: object,
        total: int,
        progress: Progress | None,
        cancel: threading.Event | None,
        stages: Stages | None = None,
    ) -> None:
        self.stages = stages or Stages()
        self._song = song
        self._total = total
        self._done = 0
        self._progress = progress
        self._cancel = cancel

    def check(self) -> None:
        if self._cancel and self._cancel.is_set():
            raise Cancelled(self._song)

    def before_chunk(self, stage: str) -> None:
        self.check()
        self._tell(stage)

    def after_chunk(self, stage: str) -> None:
        self._done += 1
        self._total = max(self._total, self._done)
        self._tell(stage)

    def finish(self) -> None:
        self._done = self._total
        self._tell("done")

    def _tell(self, stage: str) -> None:
        if self._progress:
            self._progress(self._done, self._total, stage)


def load_network(
    spec: SeparatorSpec, folder: Path, engine: Engine, precision: str
) -> tuple[Network, StftSpec]:
    """Load one separator's network; its graph says how many bins and frames it takes.

    Raises NetworkError where the system says otherwise, ConfigError where it cannot be.
    """
    name = name_for(precision, folder, spec.weights)
    network = engine.open(read_weights(folder, name), name)
    for key, got in (("dim_f", network.dim_f), ("dim_t", network.dim_t)):
        expected = getattr(spec, key)
        if expected not in (None, got):
            raise NetworkError(
                name,
                got=f"{key} {got} in the graph",
                expected=f"{key} {expected} as in the system's YAML",
                hint="correct the YAML or name another file",
            )
    try:
        return network, StftSpec(spec.n_fft, spec.hop, network.dim_f, network.dim_t)
    except ConfigError as error:
        raise error.within(name) from error


def stem_paths(folder: Path) -> dict[str, Path]:
    """Where the stems of a song lie in its folder: `<folder>/<source>.wav`."""
    return {source: folder / f"{source}.wav" for source in SOURCES}
