"""A song's metadata: title, artist and the like, and its cover."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Tags of the recording; those of the file, such as encoder or gain, do not apply to its stems.
NAMES = (
    "title", "artist", "album", "album_artist", "albumartist", "composer", "performer", "date",
    "year", "genre", "track", "tracknumber", "disc", "discnumber", "comment", "copyright", "isrc",
)  # fmt: skip
REPLACED = "\ufffd"  # what stands in metadata for bytes that are no UTF-8
FRONT = 3  # the kind of picture that a cover is, in FLAC and Vorbis
MIMES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class Tags:
    """The tags of a song, and where its cover is read from."""

    text: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None

    @contextmanager
    def cover(self) -> Iterator[tuple[Any, bytes] | None]:
        """The stream and the bytes of the song's picture, while its file is open; or None."""
        from mdx.audio.ffmpeg import open_container

        if self.path is None:
            yield None
            return
        with self.path.open("rb") as file, open_container(file) as container:
            stream = _picture_stream(container)
            packet = next(container.demux(stream), None) if stream else None
            content = bytes(packet) if packet is not None else b""
            yield (stream, content) if mime_type(content) else None


def read_tags(path: Path) -> Tags:
    """The tags of an audio file; none if it has none or they cannot be read.

    A tag in another encoding than the file's format has is left out, as its letters are unknown.
    """
    import av  # not needed for stems in WAV

    from mdx.audio.ffmpeg import open_container

    found: dict[str, str] = {}
    with suppress(av.FFmpegError, OSError, ValueError), path.open("rb") as file:
        with open_container(file) as container:
            holders: list[Any] = [container, *container.streams.audio[:1]]
            for holder in holders:
                found |= {key.lower(): value for key, value in holder.metadata.items()}
            covered = _picture_stream(container) is not None
        text = {key: found[key] for key in NAMES if key in found and REPLACED not in found[key]}
        return Tags(text, path if covered else None)
    return Tags()


def mime_type(picture: bytes) -> str | None:
    """The type of a picture that is PNG or JPEG."""
    return next((mime for magic, mime in MIMES.items() if picture.startswith(magic)), None)


def picture_block(picture: bytes) -> str:
    """A cover in Ogg's form: FLAC's picture block in base64."""
    mime = (mime_type(picture) or "").encode()
    numbers = (FRONT, len(mime), mime, 0, 0, 0, 0, 0, len(picture), picture)
    parts = (part if isinstance(part, bytes) else part.to_bytes(4) for part in numbers)
    return base64.b64encode(b"".join(parts)).decode()


def _picture_stream(container: Any) -> Any:
    from av.stream import Disposition

    pictures = (s for s in container.streams.video if s.disposition & Disposition.attached_pic)
    return next(pictures, None)
