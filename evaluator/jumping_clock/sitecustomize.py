"""A wall clock that jumps back and forth by an hour at every reading, as when a clock is corrected.

Python runs this file at startup if its folder is on PYTHONPATH, instead of the machine's own.
"""

import itertools
import time

HOURS = itertools.cycle((0, 3600, -3600))
_right = time.time


def _jumping() -> float:
    return _right() + next(HOURS)


time.time = _jumping
