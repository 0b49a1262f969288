"""What separates training songs from test songs.

The two splits never share a tempo, a tonic, a progression, a language or a timbre parameter, and
therefore no drum kit, instrument or singer either. Test values lie between training values: a model
must interpolate rather than remember.
"""

import numpy as np

Knobs = dict[str, float]  # the parameters of one sound or effect, by name
Rng = np.random.Generator

SPLIT_IDS = {"train": 0, "test": 1}

# Timbre parameters are drawn by their relative position in a range; each split owns some positions.
BANDS: dict[str, tuple[tuple[float, float], ...]] = {
    "train": ((0.0, 0.30), (0.40, 0.60), (0.70, 1.0)),
    "test": ((0.31, 0.39), (0.61, 0.69)),
}


class Palette:
    """Draws the parameters of one song from its split and records them for song.json."""

    def __init__(self, split: str, rng: Rng) -> None:
        self.split = split
        self.values: dict[str, dict[str, float]] = {}
        self.choices: dict[str, str] = {}
        self._rng = rng

    def draw(self, name: str, low: float, high: float) -> float:
        """A value in [low, high] whose relative position belongs to the split."""
        bands = BANDS[self.split]
        widths = np.array([b - a for a, b in bands])
        a, b = bands[self._rng.choice(len(bands), p=widths / widths.sum())]
        place = float(self._rng.uniform(a, b))
        value = low + place * (high - low)
        self.values[name] = {"value": round(value, 5), "place": round(place, 5)}
        return value

    def draw_all(self, prefix: str, ranges: dict[str, tuple[float, float]]) -> Knobs:
        """One value for each named range, recorded as `prefix.name`."""
        return {key: self.draw(f"{prefix}.{key}", *ends) for key, ends in ranges.items()}

    def tempo(self, low: int, high: int) -> int:
        """A tempo in [low, high), beats per minute: even for train, odd for test."""
        return int(self._rng.integers(low // 2, high // 2)) * 2 + SPLIT_IDS[self.split]

    def tonic(self) -> int:
        """A pitch class, C = 0: even for train, odd for test."""
        return int(self._rng.integers(6)) * 2 + SPLIT_IDS[self.split]

    def choose(self, name: str, table: dict[str, tuple[str, ...]]) -> str:
        """One of the names that `table` lists for the split, recorded as `name`."""
        options = table[self.split]
        self.choices[name] = options[int(self._rng.integers(len(options)))]
        return self.choices[name]
