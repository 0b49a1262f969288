"""Songs of a run on a cluster that are only scored, on the machine where the run was started."""

import threading
import time
from pathlib import Path

import pytest

from evaluator.cluster import ClusterExecutor
from evaluator.evaluation import make_jobs
from evaluator.jobs import Job, Options
from evaluator.stop import Stop
from evaluator.test_sets import find_test_set
from mdx.cluster.connect import Cluster
from tests.lab import Lab


def test_no_more_songs_are_scored_at_once_than_there_are_cpus(
    test_set: Path, tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each takes memory for all of its stems: all songs of a test set at once would fill it.
    monkeypatch.setattr("evaluator.cluster.available_cpus", lambda: 2)
    songs = find_test_set(test_set, tmp_path)
    (job, *_) = make_jobs(songs, [], [], tmp_path, Options(), Stop.inside(tmp_path))
    running, most, lock = 0, 0, threading.Lock()

    def score(_: Job) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    with Cluster(str(lab.address)) as cluster, ClusterExecutor(cluster) as executor:
        for future in [executor.submit(score, job) for _ in range(12)]:
            future.result()
    assert most == 2
