"""From a stem's WAV to its final file: another format, a gain, the tags of the song."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile as sf

from mdx.audio.decoder import BLOCK
from mdx.audio.drafts import claim, draft_path
from mdx.audio.formats import Encoding
from mdx.audio.resample import resample
from mdx.audio.soundfiles import open_sound
from mdx.audio.tags import Tags, picture_block
from mdx.audio.vorbis import copy_with_comments
from mdx.errors import ConfigError
from mdx.systems.spec import CHANNELS

log = logging.getLogger(__name__)
Samples = npt.NDArray[Any]
KINDS = {"PCM_16": ("int16", "s16"), "PCM_24": ("int32", "s32"), "FLOAT": ("float32", "flt")}
PICTURE = "METADATA_BLOCK_PICTURE"  # where Ogg keeps the cover
# Nominal bit rates of libvorbis for 44.1 kHz stereo, in kbit/s: its quality goes from 0 to 10.
VORBIS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)


class Source(NamedTuple):
    """A stem to be written."""

    file: sf.SoundFile
    gain: float
    tags: Tags


def encode(
    draft: Path, target: Path, encoding: Encoding, *, gain: float = 1.0, tags: Tags | None = None
) -> None:
    """Write a stem's WAV to its file in another format; raises OSError or LibsndfileError."""
    import av  # not needed for WAV

    with open_sound(draft) as file:
        source = Source(file, gain, tags or Tags())
        write = WRITERS[encoding.format]
        try:
            try:
                write(source, target, encoding)
            except (av.FFmpegError, ValueError) as error:
                if source.tags.path is None:
                    raise
                log.warning("%s: its cover is left out: %s", source.tags.path, error)
                file.seek(0)
                plain = source._replace(tags=replace(source.tags, path=None))
                write(plain, target, encoding)
        except (av.FFmpegError, ValueError) as error:
            raise OSError(getattr(error, "strerror", None) or str(error)) from error


def check_encoder(encoding: Encoding) -> None:
    """Raise ConfigError if this installation cannot write a format."""
    if encoding.kind.codec is None:
        library, package = "libsndfile", "soundfile"
        known = encoding.format.upper() in sf.available_formats()
    else:
        import av

        library, package = "FFmpeg", "av"
        known = encoding.kind.codec in av.codecs_available
    if not known:
        raise ConfigError(
            f"format {encoding.format}", got="no encoder for it", expected=f"one in {library}",
            hint=f"install {package} from PyPI, or choose another --format",
        )  # fmt: skip


def _write_wav(source: Source, target: Path, encoding: Encoding) -> None:
    rate, kind = source.file.samplerate, source.file.format
    with open_sound(
        target, "w", samplerate=rate, channels=CHANNELS, subtype=encoding.depth, format=kind
    ) as file:
        for block in _floats(source):
            file.write(block.T)


def _write_flac(source: Source, target: Path, encoding: Encoding) -> None:
    # The integers of the WAV: float32 would be rounded differently.
    if not encoding.rescale:
        _write_frames(target, encoding, _integers(source.file), source, source.file.samplerate)
        return
    with _another_draft(target) as wav:
        _write_wav(source, wav, encoding)
        with open_sound(wav) as file:
            _write_frames(target, encoding, _integers(file), source, file.samplerate)


def _write_lossy(source: Source, target: Path, encoding: Encoding) -> None:
    rate = encoding.kind.rate_for(source.file.samplerate)
    _write_frames(target, encoding, _resampled(source, rate), source, rate)


def _write_ogg(source: Source, target: Path, encoding: Encoding) -> None:
    # FFmpeg's own Vorbis encoder is poor; libsndfile has libvorbis, but does not write all tags.
    quality = np.interp(encoding.bit_rate or encoding.kind.bit_rate, VORBIS, range(len(VORBIS)))
    rate = encoding.kind.rate_for(source.file.samplerate)
    with _another_draft(target) as bare:
        with open_sound(
            bare, "w", samplerate=rate, channels=CHANNELS, format="OGG",
            subtype="VORBIS", compression_level=1 - quality / 10,
        ) as file:  # fmt: skip
            for block in _resampled(source, rate):
                file.write(block)
        with source.tags.cover() as cover:
            picture = {} if cover is None else {PICTURE: picture_block(cover[1])}
            copy_with_comments(bare, target, {**source.tags.text, **picture})


WRITERS: Mapping[str, Callable[[Source, Path, Encoding], None]] = MappingProxyType({
    "wav": _write_wav,
    "flac": _write_flac,
    "mp3": _write_lossy,
    "ogg": _write_ogg,
    "opus": _write_lossy,
})  # fmt: skip


def _write_frames(
    target: Path, encoding: Encoding, blocks: Iterator[Samples], source: Source, rate: int
) -> None:
    # Shape: (n, 2) each, of the type that KINDS names for the depth
    import av

    kind, layout = KINDS[encoding.depth][1], "stereo"
    with (
        target.open("wb") as file,
        av.open(file, "w", format=encoding.kind.container) as container,
        source.tags.cover() as cover,
    ):
        stream: Any = container.add_stream(str(encoding.kind.codec), rate=rate, layout=layout)
        kinds = [form.name for form in stream.codec_context.codec.audio_formats]
        stream.codec_context.format = kind if kind in kinds else kinds[0]
        if encoding.kind.bit_rate:
            stream.bit_rate = 1000 * (encoding.bit_rate or encoding.kind.bit_rate)
        _add_tags(container, source.tags, cover)
        resampler = av.AudioResampler(
            stream.codec_context.format, layout, rate, stream.codec_context.frame_size or 4096
        )
        done = 0
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block).reshape(1, -1), format=kind, layout=layout
            )
            frame.sample_rate, frame.pts = rate, done
            done += len(block)
            for part in resampler.resample(frame):
                container.mux(stream.encode(part))
        for last in [*resampler.resample(None), None]:
            container.mux(stream.encode(last))


def _add_tags(container: Any, tags: Tags, cover: tuple[Any, bytes] | None) -> None:
    import av
    from av.stream import Disposition

    container.metadata.update(tags.text)
    if cover is None:
        return
    template, content = cover
    if container.format.name == "opus":
        container.metadata[PICTURE] = picture_block(content)
        return
    picture = container.add_stream_from_template(template)
    picture.disposition = Disposition.attached_pic
    container.start_encoding()
    packet = av.Packet(content)
    packet.stream, packet.pts, packet.dts, packet.is_keyframe = picture, 0, 0, True
    container.mux(packet)


@contextmanager
def _another_draft(target: Path) -> Iterator[Path]:
    draft = draft_path(target)
    try:
        with claim(draft):
            yield draft
    finally:
        draft.unlink(missing_ok=True)


def _integers(file: sf.SoundFile) -> Iterator[Samples]:
    kind = KINDS[file.subtype][0]
    while len(block := file.read(BLOCK, dtype=kind, always_2d=True)):
        yield block


def _resampled(source: Source, rate: int) -> Iterator[Samples]:
    # Shape: (n, 2) each; one sample at least, without which encoders would write an empty file.
    blocks = resample(_floats(source), source.file.samplerate, rate)
    parts = (block.T for block in blocks if block.size)
    yield next(parts, np.zeros((1, CHANNELS), np.float32))
    yield from parts


def _floats(source: Source) -> Iterator[Samples]:
    # Shape: (2, n) each
    while len(block := source.file.read(BLOCK, dtype="float32", always_2d=True)):
        yield np.float32(source.gain) * block.T
