"""Workers are looked for more often than in reality."""

import pytest


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdx.cluster.workers.LOOK", 0.01)
    monkeypatch.setattr("mdx.cluster.workers.WAITING", 0.1)
