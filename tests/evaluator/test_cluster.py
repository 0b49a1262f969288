"""A run on the workers of a Dask cluster: the same results, whatever happens to its machines."""

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mdx.cluster.connect
from evaluator.cluster import ClusterExecutor, _take, open_cluster
from evaluator.evaluation import Outcome, make_jobs, run_jobs
from evaluator.jobs import Job, Options
from evaluator.records import Record, json_name
from evaluator.run import LOCK
from evaluator.stop import Stop
from evaluator.systems import read_systems
from evaluator.test_sets import find_test_set
from mdx.cluster.connect import Cluster
from mdx.cluster.dispatch import Response
from mdx.cluster.remote import Remote
from tests.evaluator.conftest import Finished
from tests.evaluator.runs import evaluate, processes_of, read_report, without_timing
from tests.lab import ROOT, Lab

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


class Run:
    """Songs of the tiny system on a cluster, in a thread."""

    def __init__(self, songs: Path, system: Path, out: Path, lab: Lab, hung: float = 60.0) -> None:
        self.out, self._lab, self._hung = out, lab, hung
        self._stop = Stop.inside(out)
        test_set = find_test_set(songs, out / "songs")
        systems = read_systems([str(system)])
        self._jobs = make_jobs(test_set, systems, [], out, Options(), self._stop)
        self._outcome: list[Outcome] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with Cluster(str(self._lab.address)) as cluster:
            outcome = run_jobs(
                self._jobs, self._stop, lambda *_: None,
                executor=lambda _: ClusterExecutor(cluster, hung=self._hung),
            )  # fmt: skip
            self._outcome.append(outcome)

    def wait_for_a_child(self) -> None:
        """Wait until a song is being separated."""
        while not processes_of(self.out / ".cluster"):
            assert self._thread.is_alive()
            time.sleep(0.01)

    def records(self) -> dict[tuple[str, str], Any]:
        """The records, once all songs are done."""
        self._thread.join(120)
        assert not self._thread.is_alive() and self._outcome
        return self._outcome[0].records


def scores_of(out: Path) -> list[Any]:
    """The report's rows of the tiny system."""
    rows: list[Any] = read_report(out)["systems"][0]["songs"]
    return rows


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that are sent to a worker: the names of songs, or 'weights'."""
    names: list[str] = []
    bring = Remote.bring

    def noted(self: Remote, token: str, sha256: str, path: Path, name: str | None) -> None:
        names.append(name or "weights")
        bring(self, token, sha256, path, name)

    monkeypatch.setattr(Remote, "bring", noted)
    return names


def test_two_workers_give_the_results_of_one_machine(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, lab: Lab, brought: list[str]
) -> None:
    lab.keep("one", "two")
    out = tmp_path / "out"
    assert evaluate(finished_once.songs, tiny_system, out, "--cluster", lab.address) == 0
    assert without_timing(out) == without_timing(finished_once.out)
    there = finished_once.out
    for path in sorted((there / "stems").rglob("*.wav")) + sorted(
        (there / "scores").rglob("*.json")
    ):
        assert (out / path.relative_to(there)).read_bytes() == path.read_bytes()
    timed = read_report(out)["timing"]["systems"][0]["songs"]
    # Which worker gets which song is a race: one may finish before the other is asked.
    assert all(song["machine"]["worker"].startswith("tcp://127.0.0.1:") for song in timed)
    assert set(brought) <= {"weights"}  # the folder is shared
    assert [path.name for path in out.glob(".*")] == [LOCK]
    # A second run, on one machine, has nothing to do.
    stems = {path: path.stat().st_mtime_ns for path in (out / "stems").rglob("*.wav")}
    assert evaluate(finished_once.songs, tiny_system, out, "--resume") == 0
    assert stems == {path: path.stat().st_mtime_ns for path in stems}


def test_songs_may_be_links(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, lab: Lab
) -> None:
    lab.keep("one")
    songs, pool = tmp_path / "songs", tmp_path / "pool"
    shutil.copytree(finished_once.songs / "song 1", pool / "0001")
    songs.mkdir()
    (songs / "song 1").symlink_to(pool / "0001")
    (songs / "song 2").mkdir()
    for number, path in enumerate(sorted((finished_once.songs / "song 2").iterdir())):
        shutil.copy(path, pool / f"object-{number}")
        (songs / "song 2" / path.name).symlink_to(pool / f"object-{number}")
    assert evaluate(songs, tiny_system, tmp_path / "out", "--cluster", lab.address) == 0
    expected = [row["sdr"] for row in scores_of(finished_once.out)]
    assert [row["sdr"] for row in scores_of(tmp_path / "out")] == expected


def test_without_a_shared_folder_files_are_sent_and_weights_only_once(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, lab: Lab, brought: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    lab.keep("one")
    for name in ("seen_at", "song_seen_at"):
        monkeypatch.setattr(f"mdx.cluster.dispatch.{name}", lambda path: f"/nowhere{path}")
    monkeypatch.setattr("mdx.cluster.remote.CHUNK", 50_000)
    shutil.rmtree(lab.cache, ignore_errors=True)
    out = tmp_path / "out"
    assert evaluate(finished_once.songs, tiny_system, out, "--cluster", lab.address) == 0
    assert without_timing(out) == without_timing(finished_once.out)
    songs = ["song 1/mixture.wav", "song 2/mixture.wav"]
    assert sorted(brought) == [*songs, *["weights"] * 5]
    kept = list((lab.cache / "mdx" / "cluster" / "files").iterdir())
    kept[0].write_bytes(b"damaged")
    brought.clear()
    again = tmp_path / "again"
    assert evaluate(finished_once.songs, tiny_system, again, "--cluster", lab.address) == 0
    assert without_timing(again) == without_timing(finished_once.out)
    assert sorted(brought) == [*songs, "weights"]
    scratch = [path for path in (lab.folder / "one").rglob("*") if path.suffix in (".wav", ".part")]
    assert not scratch


def test_the_song_of_a_dead_or_hung_worker_is_tried_again(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, lab: Lab
) -> None:
    for number, end in ((1, signal.SIGKILL), (2, signal.SIGSTOP)):
        name = f"doomed {number}"
        lab.keep(name)
        run = Run(finished_once.songs, tiny_system, tmp_path / str(number), lab, hung=3.0)
        run.wait_for_a_child()
        lab.kill(name, end)
        lab.start_worker("one")
        records = run.records()
        assert [record["error"] for record in records.values()] == [None] * 4
        rows = {row["song"]: row for row in scores_of(finished_once.out)}
        for (entry, song), record in records.items():
            if entry == "tiny":
                assert record["scores"]["sdr"] == rows[song]["sdr"]
                assert record["separation"]["machine"]["worker"]
        if end == signal.SIGSTOP:  # a worker that wakes up later has no effect
            lab.kill(name, signal.SIGCONT)
            deadline = time.monotonic() + 60
            while processes_of(run.out) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not processes_of(run.out)


def test_a_worker_of_another_version_is_not_used_and_both_are_named(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, lab: Lab,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    old = tmp_path / "old"
    for name in ("mdx", "evaluator"):
        shutil.copytree(ROOT / name, old / name)
    shutil.copy(ROOT / "predict.py", old)
    (old / "mdx" / "__init__.py").write_text("")
    lab.keep()
    lab.start_worker("old", code=old)
    out = tmp_path / "out"
    assert evaluate(finished_once.songs, tiny_system, out, "--cluster", lab.address) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert "code of mdx" in error and " there and " in error and " here" in error
    lab.start_worker("one")
    lab.wait_for("one")
    assert evaluate(finished_once.songs, tiny_system, out, "--cluster", lab.address) == 0
    assert without_timing(out) == without_timing(finished_once.out)
    assert any("it is left out" in record.message for record in caplog.records)
    assert len({song["machine"]["worker"] for song in
                read_report(out)["timing"]["systems"][0]["songs"]}) == 1  # fmt: skip


def test_ctrl_c_cancels_running_songs(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, lab: Lab
) -> None:
    lab.keep("one")
    out = tmp_path / "out"
    stop = Stop.inside(out)
    test_set = find_test_set(finished_once.songs, out / "songs")
    jobs = make_jobs(test_set, read_systems([str(tiny_system)]), [], out, Options(), stop)

    def interrupt(job: Job, record: Record) -> None:
        if job.entry == "tiny":
            raise KeyboardInterrupt

    with Cluster(str(lab.address)) as cluster:
        outcome = run_jobs(jobs, stop, interrupt, executor=lambda _: ClusterExecutor(cluster))
    assert outcome.interrupted
    assert len([entry for entry, _ in outcome.records if entry == "tiny"]) == 1
    assert len(list((out / "stems" / "tiny").iterdir())) == 1 and not list(out.glob(".cluster*"))
    deadline = time.monotonic() + 30
    while processes_of(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(out)


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab whose scheduler may be killed."""
    (tmp_path / "lab").mkdir()
    lab = Lab(tmp_path / "lab")
    yield lab
    lab.close()


def test_a_scheduler_that_is_restarted_loses_nothing(
    finished_once: Finished, tiny_system: Path, tmp_path: Path, own_lab: Lab
) -> None:
    own_lab.start_worker("one")
    run = Run(finished_once.songs, tiny_system, tmp_path / "out", own_lab)
    run.wait_for_a_child()
    own_lab.kill("scheduler")
    own_lab.start_scheduler()
    own_lab.start_worker("two")  # the first one has ended with its scheduler
    records = run.records()
    assert [record["error"] for record in records.values()] == [None] * 4
    rows = {row["song"]: row["sdr"] for row in scores_of(finished_once.out)}
    found = {song: record["scores"]["sdr"] for (entry, song), record in records.items()
             if entry == "tiny"}  # fmt: skip
    assert found == rows


def test_an_unreachable_cluster_is_an_error_of_one_line(
    finished_once: Finished, tiny_system: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert mdx.cluster.connect.CONNECT < 10
    monkeypatch.setattr("mdx.cluster.connect.CONNECT", 0.5)
    missing = tmp_path / "scheduler.json"
    for address in ("127.0.0.1:9", missing, "local:0", "nonsense"):
        arguments = (finished_once.songs, tiny_system, tmp_path / "out", "--cluster", address)
        assert evaluate(*arguments) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and str(address) in line and "expected" in line
    with open_cluster(None) as cluster:
        assert cluster is None
    assert evaluate(*arguments, "--workers", 2) == 1
    assert "--workers: got 2 with --cluster" in capsys.readouterr().err


@pytest.mark.parametrize("length", [5, 245, 255])
def test_framewise_scores_of_long_names_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    name, out = "n" * length, tmp_path / "out"
    frames = Path("scores", "tiny", "test", json_name(name))
    (tmp_path / "answer" / frames).parent.mkdir(parents=True)
    (tmp_path / "answer" / frames).write_text("{}")
    monkeypatch.setattr("evaluator.cluster.finish_song", lambda *_: {"scores": "kept"})
    job = SimpleNamespace(entry="tiny", song=SimpleNamespace(name=name), out=out)
    record: Record = {"separation": {}, "scores": {}}
    answer = Response(record, tmp_path / "answer", {"host": "another"})
    assert _take(job, answer) == {"scores": "kept"}  # type: ignore[arg-type]
    assert (out / frames).read_text() == "{}"
