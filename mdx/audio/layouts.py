"""Downmix to two channels, by the position of each loudspeaker."""

from collections.abc import Sequence

import numpy as np

from mdx.systems.spec import CHANNELS, Audio

# In the order of a WAV without a channel mask, by the number of channels.
USUAL = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
SIDE = np.sqrt(0.5)  # -3 dB: centre and surround, as in ITU-R BS.775
GAINS = {
    "FL": (1, 0), "FR": (0, 1), "FLC": (1, 0), "FRC": (0, 1), "WL": (1, 0), "WR": (0, 1),
    "DL": (1, 0), "DR": (0, 1), "BL": (SIDE, 0), "BR": (0, SIDE), "SL": (SIDE, 0), "SR": (0, SIDE),
    "TFL": (SIDE, 0), "TFR": (0, SIDE), "TBL": (SIDE, 0), "TBR": (0, SIDE),
    "TSL": (SIDE, 0), "TSR": (0, SIDE), "SDL": (SIDE, 0), "SDR": (0, SIDE),
    "LFE": (0, 0), "LFE2": (0, 0),
}  # fmt: skip
CENTRE = (SIDE, SIDE)  # FC, BC, the top ones, and any unknown position


def usual_positions(channels: int) -> tuple[str, ...]:
    """The assumed channel positions of a file that does not state them."""
    return USUAL.get(channels, ("",) * channels)


def downmix_matrix(positions: Sequence[str]) -> Audio:
    """Gains of each channel in left and right; each side's add up to 1, so that nothing clips.

    Mono and stereo stay as they are. Shape: (channels, 2)
    """
    if len(positions) == 1:
        return np.ones((1, CHANNELS), dtype=np.float32)
    if len(positions) == CHANNELS:
        return np.eye(CHANNELS, dtype=np.float32)
    gains = np.array([GAINS.get(place, CENTRE) for place in positions], dtype=np.float32)
    gains[:, gains.sum(axis=0) == 0] = 1  # a side that no channel belongs to
    normalised: Audio = gains / gains.sum(axis=0)
    return normalised
