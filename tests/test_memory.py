"""Memory does not grow with a song, scaled down: `benchmarks.memory` has the real lengths."""

from pathlib import Path

from benchmarks.memory import peak_memory, write_song

# The long song alone would add 14 MB in each of its arrays (float32, two channels), and some ten
# such arrays to whoever held it whole.
ALLOWED_MB = 10.0


def test_a_longer_song_takes_no_more_memory(tiny_system: Path, tmp_path: Path) -> None:
    peaks = []
    for seconds in (10, 50):
        song = tmp_path / f"{seconds}.wav"
        write_song(song, seconds)
        peaks.append(peak_memory(str(tiny_system), song, tmp_path / "out"))
    assert peaks[1] - peaks[0] < ALLOWED_MB, peaks
