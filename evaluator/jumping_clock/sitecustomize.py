"""A wall clock that jumps an hour to and fro at every look, as where a machine is set right.

Python runs this file at its start where its folder is on PYTHONPATH, in place of the machine's own.
"""

import itertools
import time

HOURS = itertools.cycle((0, 3600, -3600))
_right = time.time


def _jumping() -> float:
    return _right() + next(HOURS)


time.time = _jumping
