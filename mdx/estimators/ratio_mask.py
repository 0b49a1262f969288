"""A ratio mask for the estimates of a network that makes complex spectrograms of all stems.

Such estimates need not add up to the mixture, and what one stem gets wrong another may have right:
the mask gives every bin of the mixture to the stems in proportion to their power.
"""

import numpy as np

from mdx.systems.spec import Audio

TINY = np.finfo(np.float32).tiny  # keeps a bin where all stems are silent at 0


def masked(stems: Audio, mix: Audio, share: float) -> Audio:
    """The mean of the stems and the masked mixture, of which the mixture counts for `share`.

    The power of a stem in a bin is that of both channels together, so that its place between left
    and right is the mixture's. Real and imaginary parts are channels.

    Shape: (stems, 4, F, T), (4, F, T) -> (stems, 4, F, T)

    Source: the single-channel Wiener filter (Liutkus and Badeau, "Generalized Wiener filtering with
    fractional power spectrograms", 2015, with a power of 2).
    """
    power = np.square(stems).sum(axis=1, keepdims=True)
    power /= power.sum(axis=0) + TINY
    found: Audio = stems + np.float32(share) * (power * mix - stems)
    return found
