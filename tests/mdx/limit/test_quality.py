"""The name of the file about a song's quality levels."""

from pathlib import Path

import pytest

from mdx.limit.quality import quality_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{stem}.wav", "quality.json"),
        ("a song ({stem}).flac", "a song (quality).json"),
        ("bass {stem} take.wav", "bass quality take.json"),  # a song whose name has a stem in it
        ("{stem}/a song.mp3", "bass/a song.quality.json"),
    ],
)
def test_songs_in_one_folder_have_files_of_their_own(name: str, expected: str) -> None:
    stems = {stem: Path("out", name.format(stem=stem)) for stem in ("bass", "drums")}
    assert quality_path(stems) == Path("out", expected)
