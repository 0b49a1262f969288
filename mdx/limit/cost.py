"""The cost model: seconds per segment of each estimator on this machine, measured on noise."""

import time

import numpy as np

from mdx.estimators.protocol import Estimator
from mdx.stages import Stages
from mdx.systems.spec import SAMPLE_RATE

ENOUGH = 0.1  # seconds over which a cost is measured; at least one call
PROBE = 2 * SAMPLE_RATE  # samples that suffice if time grows with length


def segment_cost(estimator: Estimator) -> float:
    """Seconds of one whole segment, as one of a full call, at the machine's best.

    Where time grows with length they are those of a shorter one, as many times as it is longer.
    """
    geometry = estimator.geometry
    probe = -(-PROBE // geometry.grain) * geometry.grain
    length = geometry.segment if estimator.fixed_length else min(geometry.segment, probe)
    rng = np.random.default_rng(0)
    shape = (geometry.batch, geometry.channels, geometry.before + length + geometry.after)
    segments = rng.uniform(-0.1, 0.1, shape).astype(np.float32)
    fastest, started = float("inf"), time.perf_counter()
    while fastest == float("inf") or time.perf_counter() - started < ENOUGH:
        before = time.perf_counter()
        estimator(segments, stages=Stages(), rng=rng)
        fastest = min(fastest, time.perf_counter() - before)
    return fastest / geometry.batch * geometry.segment / length
