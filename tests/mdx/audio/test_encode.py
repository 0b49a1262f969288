"""Stems in formats other than WAV: tags, cover, and leftovers of killed runs."""

import errno
import logging
import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from mdx.audio.drafts import claim, draft_path, refuge_of, remove_leftovers
from mdx.audio.encode import check_encoder
from mdx.audio.formats import FORMATS, Encoding
from mdx.audio.read import SongReader
from mdx.audio.tags import Tags, read_tags
from mdx.audio.write import StemWriter
from mdx.errors import ConfigError, OutputError
from tests.audio_files import RATE, encode, tone
from tests.tiny import noise

TEXT = {"title": "絆", "artist": "Somebody", "album": "Else", "date": "2021", "track": "3"}


def picture() -> bytes:
    """A small PNG."""
    codec = av.CodecContext.create("png", "w")
    codec.width = codec.height = 16
    codec.pix_fmt, codec.time_base = "rgb24", Fraction(1)
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    packets = codec.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24"))
    return bytes(packets[0])


def tagged_song(path: Path, tmp_path: Path) -> Path:
    """An MP3 with tags and a cover."""
    (tmp_path / "cover.png").write_bytes(picture())
    encode(tmp_path / "bare.mp3", tone(1), codec="libmp3lame")
    with (
        av.open(str(tmp_path / "bare.mp3"), "r") as bare,
        av.open(str(tmp_path / "cover.png"), "r") as cover,
        av.open(str(path), "w") as song,
    ):
        song.metadata.update({**TEXT, "encoder": "Some", "replaygain_track_gain": "-3 dB"})
        sound = song.add_stream_from_template(bare.streams.audio[0])
        image = song.add_stream_from_template(cover.streams.video[0])
        image.disposition = av.stream.Disposition.attached_pic
        for source, target in ((cover, image), (bare, sound)):
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = target
                    song.mux(packet)
    return path


def write(path: Path, encoding: Encoding, tags: Tags | None, stems: int = 1) -> None:
    """Write the same tone for every stem."""
    paths = {f"{number}": path.with_stem(f"{path.stem}{number}") for number in range(stems)}
    song = np.stack([tone(1)] * stems)
    with StemWriter(
        paths, sample_rate=RATE, frames=song.shape[2], encoding=encoding, tags=tags
    ) as writer:
        writer.append(song)


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg", "opus"])
def test_tags_and_cover_are_carried_over(tmp_path: Path, kind: str) -> None:
    tags = read_tags(tagged_song(tmp_path / "song.mp3", tmp_path))
    assert tags.text == TEXT  # tags that describe the file are not carried over
    write(tmp_path / f"stem.{kind}", Encoding(kind), tags, stems=2)
    for number in range(2):
        again = read_tags(tmp_path / f"stem{number}.{kind}")
        assert again.text == TEXT
        with again.cover() as cover:
            assert cover is not None and cover[1] == picture()


@pytest.mark.parametrize("samples", [938, 19_064, 60_000, 149_159, 250_000])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_tags_do_not_change_the_length_of_a_vorbis_stem(
    tmp_path: Path, samples: int, level: float
) -> None:
    stem = level * noise(samples)[np.newaxis]
    long = Tags({"title": "x" * 100_000})  # more than a page
    for tags in (None, long):
        with StemWriter(
            {"bass": tmp_path / "bass.ogg"}, sample_rate=RATE, frames=samples,
            encoding=Encoding("ogg"), tags=tags,
        ) as writer:  # fmt: skip
            writer.append(stem)
        assert sf.info(tmp_path / "bass.ogg").frames == samples
    assert read_tags(tmp_path / "bass.ogg").text == long.text


def test_songs_without_tags_have_none(tmp_path: Path) -> None:
    encode(tmp_path / "song.m4a", tone(1), codec="aac")
    (tmp_path / "none.mp3").write_text("no audio")
    for name in ("song.m4a", "none.mp3", "missing.mp3"):
        tags = read_tags(tmp_path / name)
        assert tags == Tags()
        with tags.cover() as cover:
            assert cover is None


def test_a_tag_in_another_encoding_costs_no_other(tmp_path: Path) -> None:
    sf.write(tmp_path / "song.wav", tone(1).T, RATE)
    values = {b"INAM": "Jóga".encode("latin-1") + b"\0\0", b"IPRD": b"Homogenic\0"}
    items = b"".join(key + struct.pack("<I", len(text)) + text for key, text in values.items())
    with (tmp_path / "song.wav").open("r+b") as file:
        file.seek(0, 2)
        file.write(b"LIST" + struct.pack("<I", 4 + len(items)) + b"INFO" + items)
        file.seek(4)
        file.write(struct.pack("<I", (tmp_path / "song.wav").stat().st_size + len(items) + 4))
    assert read_tags(tmp_path / "song.wav").text == {"album": "Homogenic"}


def test_bit_rates_are_kept(tmp_path: Path) -> None:
    for kind in ("mp3", "ogg", "opus"):
        sizes = []
        for rate in (64, 192):
            write(tmp_path / f"{rate}.{kind}", Encoding(kind, bit_rate=rate), None)
            sizes.append((tmp_path / f"{rate}0.{kind}").stat().st_size)
        assert sizes[0] < sizes[1], kind


def test_every_format_can_be_written_here() -> None:
    for kind in FORMATS:
        check_encoder(Encoding(kind))


def test_a_format_that_this_build_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"flac"})
    with pytest.raises(ConfigError, match="format mp3: got no encoder for it"):
        check_encoder(Encoding("mp3"))


def test_an_encoder_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("mdx.audio.write.encode", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        write(tmp_path / "out" / "stem.flac", Encoding("flac"), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("rate", [1000, 96_001, 768_000])
def test_any_rate_of_a_song_can_be_written(tmp_path: Path, kind: str, rate: int) -> None:
    path = tmp_path / f"stem.{kind}"
    with StemWriter(
        {"bass": path}, sample_rate=rate, frames=5000, encoding=Encoding(kind)
    ) as writer:
        writer.append(np.zeros((1, 2, 5000), np.float32))
    with SongReader(path) as stem:
        assert abs(stem.count() / stem.sample_rate - 5000 / rate) < 0.001


@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus"])
def test_a_song_of_one_sample_at_a_high_rate_is_no_empty_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"stem.{kind}"
    with StemWriter(
        {"bass": path}, sample_rate=768_000, frames=1, encoding=Encoding(kind)
    ) as writer:
        writer.append(np.zeros((1, 2, 1), np.float32))
    with SongReader(path) as stem:
        assert stem.count() >= 1


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    stale, kept = draft_path(tmp_path / "a" / "bass.wav"), tmp_path / "a" / "notes.part"
    stale.parent.mkdir()
    for path in (stale, kept):
        path.write_text("stale")
    for name in ("drums.wav", "other.wav"):  # killed while the new stems were moved into place
        refuge_of(draft_path(tmp_path / "a" / name)).write_text("old")
    (tmp_path / "a" / "other.wav").write_text("new")
    fresh, old = (tmp_path / "a" / f".{digit * 16}.part" for digit in "01")  # of mdx.files
    for path in (fresh, old):
        path.write_text("half of quality.json")
    os.utime(old, (0, 0))
    only = draft_path(tmp_path / "b" / "c" / "bass.wav")
    only.parent.mkdir(parents=True)
    only.write_text("stale")
    remove_leftovers(tmp_path, recursive=True)
    assert {path.name: path.read_text() for path in (tmp_path / "a").iterdir()} == {
        "notes.part": "stale", "drums.wav": "old", "other.wav": "new",
        fresh.name: "half of quality.json",
    }  # fmt: skip
    assert not (tmp_path / "b" / "c").exists()


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="POSIX locks files")
def test_drafts_of_a_process_at_work_are_no_leftovers(tmp_path: Path) -> None:
    draft = draft_path(tmp_path / "bass.wav")
    with claim(draft):
        remove_leftovers(tmp_path)
        assert draft.exists()
    remove_leftovers(tmp_path)
    assert not draft.exists()


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="POSIX locks files")
@pytest.mark.parametrize("code", [errno.EBADF, errno.ENOLCK])
def test_where_files_cannot_be_locked_stems_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    other = draft_path(tmp_path / "other.wav")  # of another process, perhaps
    other.write_text("a part")
    write(tmp_path / "stem.wav", Encoding("wav"), None, stems=2)
    assert {path.name for path in tmp_path.iterdir()} == {"stem0.wav", "stem1.wav", other.name}


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="POSIX locks files")
def test_locks_that_do_not_keep_a_process_from_its_own_files_cost_no_stem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)  # as over NFS
    write(tmp_path / "stem.wav", Encoding("wav"), None, stems=2)
    assert {path.name for path in tmp_path.iterdir()} == {"stem0.wav", "stem1.wav"}


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg"])
def test_stems_may_have_the_longest_names(tmp_path: Path, kind: str) -> None:
    for letters in ("é" * 125, "x" * 250):  # of 250 bytes, and five more for number and suffix
        path = tmp_path / f"{letters}.{kind}"
        for _ in range(2):  # the second time they replace others
            write(path, Encoding(kind), None, stems=2)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "opus"])
def test_a_damaged_cover_costs_no_stem(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    tags = read_tags(tagged_song(tmp_path / "song.mp3", tmp_path))
    content = (tmp_path / "song.mp3").read_bytes()
    whole = picture()
    assert whole in content
    broken = whole[:8] + bytes(len(whole) - 8)  # a PNG by its first bytes alone
    (tmp_path / "song.mp3").write_bytes(content.replace(whole, broken))
    write(tmp_path / f"stem.{kind}", Encoding(kind), tags, stems=1)
    again = read_tags(tmp_path / f"stem0.{kind}")
    assert again.text == TEXT
    if kind in ("mp3", "flac"):
        assert again.path is None and "its cover is left out" in caplog.text


def test_the_writer_removes_leftovers_of_its_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    draft_path(tmp_path / "bass.wav").write_text("stale")
    with caplog.at_level(logging.WARNING):
        write(tmp_path / "stem.wav", Encoding(), None)
    assert [path.name for path in tmp_path.iterdir()] == ["stem0.wav"] and not caplog.messages
