"""Progress reports to the challenge, for the grader's own `evaluator/music_demixing.py`.

That file replaces ours and imports this one. Without the package `aicrowd_api`, or if its service
cannot be reached, nothing is reported; the songs are separated regardless.
"""

import logging
import os
from typing import Any

log = logging.getLogger(__name__)


def execution_start() -> None:
    """Report that the evaluation begins."""
    _register("AICROWD_EVENT_INFO", "execution_started")


def execution_running() -> None:
    """Report that songs are being separated."""
    execution_progress(0.0)


def execution_progress(progress: float) -> None:
    """Report the fraction of the songs that is done, from 0 to 1."""
    _register("AICROWD_EVENT_INFO", "execution_progress", progress=progress)


def execution_success() -> None:
    """Report that all songs are done, with the folder of the stems (PREDICTIONS_OUTPUT_PATH)."""
    path = os.environ.get("PREDICTIONS_OUTPUT_PATH", False)
    _register("AICROWD_EVENT_SUCCESS", "execution_success", predictions_output_path=path)


def execution_error(error: str) -> None:
    """Report what ended the evaluation."""
    _register("AICROWD_EVENT_ERROR", "execution_error", error=error)


def is_grading() -> bool:
    """Whether this is the challenge's own run."""
    return bool(os.environ.get("AICROWD_IS_GRADING"))


def _register(kind: str, message: str, **facts: Any) -> None:
    try:
        from aicrowd_api.events import AIcrowdEvents

        events = AIcrowdEvents()
        events.register_event(
            event_type=getattr(events, kind),
            message=message,
            payload={"event_type": f"music_demixing:{message}", **facts},
            blocking=kind != "AICROWD_EVENT_INFO",
        )
    except Exception as error:  # no failure of the service may stop the separation
        log.info("could not report %s to the challenge: %s", message, error)
