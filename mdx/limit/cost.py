"""What networks cost on this machine, by trying them on noise."""

import time
from collections.abc import Callable

import numpy as np

from mdx.estimators.companion import batch_of, longest_input, valid_length
from mdx.pipeline import Companion, Member
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, Audio

ENOUGH = 0.1  # seconds by which a cost is measured, or one call where that is more
PROBE = 2 * SAMPLE_RATE  # samples by which the cost of a companion's segment is measured


def chunk_cost(member: Member) -> float:
    """Seconds of a separator's chunk, with the STFT around it."""
    network, stft = member
    return _fastest(lambda chunk: stft.inverse(network(stft.forward(chunk))), stft.spec.chunk)


def segment_cost(companion: Companion) -> float:
    """Seconds of a companion's whole segment, as one of a full call.

    They are those of a shorter one, as many times as it is longer: time grows with length.
    """
    network, spec, _ = companion
    longest, batch = longest_input(spec), batch_of(spec)
    probe = min(longest, valid_length(PROBE))
    seconds = _fastest(lambda segment: network(np.stack([segment] * batch)), probe)
    return seconds / batch * longest / probe


def _fastest(process: Callable[[Audio], object], samples: int) -> float:
    # Seconds for so many samples of noise, at the machine's best.
    rng = np.random.default_rng(0)
    chunk = rng.uniform(-0.1, 0.1, (CHANNELS, samples)).astype(np.float32)
    fastest, started = float("inf"), time.monotonic()
    while fastest == float("inf") or time.monotonic() - started < ENOUGH:
        before = time.monotonic()
        process(chunk)
        fastest = min(fastest, time.monotonic() - before)
    return fastest
