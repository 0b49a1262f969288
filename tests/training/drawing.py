"""Examples drawn from songs, with the settings of tests."""

from training.data_config import DataConfig
from training.examples import Examples
from training.songs import Song

CHUNK = 3000
PLAIN = DataConfig()
ALL = DataConfig(gain_db=6, whole_song=0.4, swap=True, flip=True, semitones=2, stretch=0.2)


def make(
    songs: tuple[Song, ...], source: str = "other", data: DataConfig = PLAIN, *,
    chunk: int = CHUNK, count: int = 200, seed: int = 1, cache: bool = True,
) -> Examples:  # fmt: skip
    return Examples(songs, source, data, chunk=chunk, count=count, seed=seed, cache=cache)
