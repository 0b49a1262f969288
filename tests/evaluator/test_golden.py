"""The results of our own systems on two fixed songs have not changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluator.golden.make_golden import GOLDEN, run_golden

TOLERANCE = 1e-3  # dB: CPUs sum in different orders, which changes single bits of PCM_16


def flatten(value: Any, where: str = "") -> dict[str, Any]:
    """Every leaf of a JSON document, by its path."""
    if isinstance(value, dict):
        pairs = [flatten(item, f"{where}/{key}") for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [flatten(item, f"{where}/{index}") for index, item in enumerate(value)]
    else:
        return {where: value}
    return {key: leaf for pair in pairs for key, leaf in pair.items()}


def test_a_golden_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AICROWD_IS_GRADING", "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    expected, got = flatten(json.loads(GOLDEN.read_text())), flatten(run_golden(tmp_path))
    assert got.keys() == expected.keys() and len(expected) > 100
    for where, value in expected.items():
        if isinstance(value, float):
            assert got[where] == pytest.approx(value, abs=TOLERANCE), where
        else:
            assert got[where] == value, where
