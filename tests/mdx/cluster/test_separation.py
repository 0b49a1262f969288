"""The worker's side of a separation: what it tells names the song, not its own folders."""

from pathlib import Path

import soundfile as sf

from mdx.audio.formats import Encoding
from mdx.cluster.separation import work
from mdx.cluster.there import WorkerSong
from mdx.systems.spec import SAMPLE_RATE
from tests.tiny import noise


def test_warnings_name_the_song(tiny_system: Path, tmp_path: Path) -> None:
    song = tmp_path / "received" / "mixture.wav"
    song.parent.mkdir()
    sf.write(song, noise(SAMPLE_RATE).T * 1000, SAMPLE_RATE, subtype="FLOAT")
    request = {
        "song": "music/loud.wav", "precision": "float32", "runtime": "auto", "provider": "cpu",
        "sources": None, "limited": False, "spend_budget": False, "rest": None, "stream": None,
        "downmix": False, "limit": None, "encoding": vars(Encoding()),
    }  # fmt: skip
    here = WorkerSong(request, tiny_system, song, tmp_path / "results", 1, lambda: False)
    answer = work(here)
    assert answer["error"] is None and answer["warnings"]
    for text in answer["warnings"]:
        assert text.startswith("music/loud.wav: ") and str(tmp_path) not in text
