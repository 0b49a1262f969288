"""What separates training songs from test songs.

The two splits never share a tempo, a tonic, a progression or a timbre parameter, yet the test
values lie between training values: a model must interpolate, not merely remember.
"""

import numpy as np

SPLIT_IDS = {"train": 0, "test": 1}

# Timbre parameters are drawn at a relative place in their range; each split owns some places.
BANDS: dict[str, tuple[tuple[float, float], ...]] = {
    "train": ((0.0, 0.30), (0.40, 0.60), (0.70, 1.0)),
    "test": ((0.31, 0.39), (0.61, 0.69)),
}

# Scale degrees (tonic = 0), one chord per bar.
PROGRESSIONS: dict[str, dict[str, tuple[tuple[int, ...], ...]]] = {
    "train": {
        "major": (
            (0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 3), (0, 2, 3, 4), (1, 4, 0, 0),
            (0, 0, 3, 4),
        ),
        "minor": (
            (0, 5, 2, 6), (0, 3, 6, 2), (0, 6, 5, 6), (0, 3, 4, 0), (0, 0, 5, 6), (5, 6, 0, 0),
        ),
    },
    "test": {
        "major": ((0, 3, 5, 4), (3, 0, 4, 5), (0, 5, 1, 4), (0, 4, 3, 3)),
        "minor": ((0, 6, 3, 5), (0, 2, 6, 3), (0, 5, 3, 4)),
    },
}  # fmt: skip


class Palette:
    """Draws the parameters of one song inside its split and remembers them for song.json."""

    def __init__(self, split: str, rng: np.random.Generator) -> None:
        self.split = split
        self.values: dict[str, dict[str, float]] = {}
        self._rng = rng

    def draw(self, name: str, low: float, high: float) -> float:
        """Return a value of [low, high] whose relative place belongs to the split."""
        bands = BANDS[self.split]
        widths = np.array([b - a for a, b in bands])
        a, b = bands[self._rng.choice(len(bands), p=widths / widths.sum())]
        place = float(self._rng.uniform(a, b))
        value = low + place * (high - low)
        self.values[name] = {"value": round(value, 5), "place": round(place, 5)}
        return value

    def draw_all(self, prefix: str, ranges: dict[str, tuple[float, float]]) -> dict[str, float]:
        """Return one value per named range, recorded as `prefix.name`."""
        return {key: self.draw(f"{prefix}.{key}", *ends) for key, ends in ranges.items()}

    def tempo(self, low: int, high: int) -> int:
        """Return an even (train) or odd (test) number of beats per minute in [low, high)."""
        return int(self._rng.integers(low // 2, high // 2)) * 2 + SPLIT_IDS[self.split]

    def tonic(self) -> int:
        """Return an even (train) or odd (test) pitch class, C = 0."""
        return int(self._rng.integers(6)) * 2 + SPLIT_IDS[self.split]

    def progression(self, mode: str) -> tuple[int, ...]:
        """Return one of the split's chord progressions as scale degrees."""
        table = PROGRESSIONS[self.split][mode]
        return table[int(self._rng.integers(len(table)))]
