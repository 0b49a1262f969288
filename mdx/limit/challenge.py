"""The challenge's own time limits for a song; the first is the default."""

import os
from dataclasses import replace

from mdx.limit.policy import Limit, find_limit, parse_limit

ROUND_1 = Limit("fixed", 240)
ROUND_2 = Limit("ratio", 1.57)
KIT = "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"  # of the starter kit


def submission_limit(declared: str | float | None) -> Limit:
    """The limit that the submission keeps: the environment's, the system's, or round 1's.

    Whatever it is, the starter kit ends a song after its own number of seconds. Raises ConfigError.
    """
    most = parse_limit(os.environ.get(KIT) or str(ROUND_1), KIT)
    return replace(find_limit(None, declared) or ROUND_1, most=most.value)
