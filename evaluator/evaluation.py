"""One run over a test set: every song separated and scored, side by side, and never done twice.

What is finished is kept in `records/<system>/<song>.json`; a report is made from these alone.
"""

import json
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluator.children import Children
from evaluator.fingerprints import SCORING, SEPARATION, code_version, hash_facts, hash_files
from evaluator.json_files import write_json
from evaluator.replay import SongFailed, Submission, separate_song
from evaluator.scores import BASELINE, score_scaled_mixture, score_stems
from evaluator.systems import System
from evaluator.test_sets import Song, TestSet
from mdx.errors import AudioError
from mdx.limit.policy import ROUND_1, find_limit
from mdx.machine import available_cpus
from mdx.systems.spec import SOURCES

# What the submission reads from the environment, and what decides about its stems.
ENVIRONMENT = ("MDX_RUNTIME", "MDX_PROVIDER")
VERSION = 2  # of a record; raise whenever a key changes its meaning

Record = dict[str, Any]  # separation (key, stems, runs), scores, error; as written to JSON


@dataclass(frozen=True)
class Options:
    """How a test set is run."""

    subtype: str = "PCM_16"
    limit: str | None = None  # of a song; None: the environment's, the system's, or round 1's
    spend_budget: bool = False  # where the limit allows, be slower and better
    full: bool = False  # ISR, SIR and SAR as well
    repeat: int = 1  # how often each song is separated, to see how its time varies
    workers: int = 1  # songs side by side, which share the CPUs
    resume: bool = False  # keep what an earlier run finished


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    records: dict[tuple[str, str], Record]  # by system and song
    interrupted: bool  # by Ctrl-C


class Evaluation:
    """A test set, the systems to run over it, and the folder that everything is kept in."""

    def __init__(
        self, test_set: TestSet, systems: list[System], out: Path, options: Options
    ) -> None:
        self._test_set = test_set
        self._systems = systems
        self._out = out
        self._options = options
        self._children = Children()
        self._separation_code = code_version(SEPARATION)
        self._scoring_code = code_version(SCORING)

    def run(self, advance: Callable[[float], object]) -> Outcome:
        """Do all songs of all systems; `advance` is told the seconds of audio done.

        A song that fails is recorded with its error. Ctrl-C ends the run early. Raises SetupFailed
        for a submission that cannot be set up, OutputError where nothing can be written; what is
        finished by then is kept.
        """
        waiting: dict[Future[Record], tuple[str, Song]] = {}
        interrupted = False
        pool = ThreadPoolExecutor(self._options.workers)
        try:
            for song in self._test_set.songs:
                if song.has_references:
                    waiting[pool.submit(self._do_baseline, song)] = (BASELINE, song)
                for system in self._systems:
                    waiting[pool.submit(self._do_song, system, song)] = (system.name, song)
            for future in as_completed(waiting):
                future.result()  # raises what ends the run
                name, song = waiting[future]
                advance(song.duration if name != BASELINE else 0.0)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._children.stop()
            pool.shutdown(cancel_futures=True)
        records = {
            (name, song.name): future.result()
            for future, (name, song) in waiting.items()
            if not future.cancelled() and future.exception() is None
        }
        return Outcome(records, interrupted)

    def _do_song(self, system: System, song: Song) -> Record:
        path = self._out / "records" / system.name / f"{song.name}.json"
        old = self._read(path)
        record: Record = {"version": VERSION, "separation": None, "scores": None, "error": None}
        stems = self._out / "stems" / system.name
        try:
            record["separation"] = self._separate(system, song, stems, old.get("separation"))
            write_json(path, record)  # before scoring, which may be interrupted
            if song.has_references:
                record["scores"] = self._score(system, song, record, old.get("scores"))
        except (SongFailed, AudioError) as error:
            record["error"] = str(error)
        write_json(path, record)
        return record

    def _separate(self, system: System, song: Song, results: Path, known: Record | None) -> Record:
        options = self._options
        limit = find_limit(options.limit, system.spec.limit) or ROUND_1
        key = hash_facts(
            hash_files([song.folder / "mixture.wav"]), system.key, self._separation_code,
            options.subtype, str(limit), options.spend_budget,
            [os.environ.get(name) for name in ENVIRONMENT],
        )  # fmt: skip
        folder = results / song.name
        files = [folder / f"{source}.wav" for source in SOURCES]
        if (
            known
            and known["key"] == key
            and len(known["runs"]) >= options.repeat
            and all(file.exists() for file in files)
            and hash_files(files) == known["stems"]
        ):
            return known
        threads = max(1, available_cpus() // options.workers)
        submission = Submission(
            system.given, options.subtype, limit, threads, system.precision, options.spend_budget
        )
        runs, hashes = [], []
        for _ in range(options.repeat):
            separation = separate_song(submission, song.folder, results, self._children)
            runs.append(asdict(separation))
            hashes.append(hash_files(files))
        same = all(stems == hashes[0] for stems in hashes)
        return {"key": key, "stems": hashes[-1], "same_every_time": same, "runs": runs}

    def _score(self, system: System, song: Song, record: Record, known: Record | None) -> Record:
        stems = self._out / "stems" / system.name / song.name
        frames = self._out / "scores" / system.name / "test" / f"{song.name}.json"
        key = hash_facts(
            self._references_key(song), record["separation"]["stems"], self._options.full
        )
        if known and known["key"] == key and frames.exists():
            return known
        return {"key": key, **score_stems(song.folder, stems, frames, full=self._options.full)}

    def _do_baseline(self, song: Song) -> Record:
        path = self._out / "records" / BASELINE / f"{song.name}.json"
        known = self._read(path).get("scores")
        record: Record = {"version": VERSION, "scores": None, "error": None}
        try:
            key = self._references_key(song)
            if known and known["key"] == key:
                record["scores"] = known
            else:
                record["scores"] = {"key": key, **score_scaled_mixture(song.folder)}
        except AudioError as error:
            record["error"] = str(error)
        write_json(path, record)
        return record

    def _references_key(self, song: Song) -> str:
        files = [song.folder / f"{name}.wav" for name in ("mixture", *SOURCES)]
        return hash_facts(hash_files(files), self._scoring_code)

    def _read(self, path: Path) -> Record:
        if not (self._options.resume and path.exists()):
            return {}
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return {}
        ours = isinstance(record, dict) and record.get("version") == VERSION
        return record if ours else {}  # another's, or an older version's: the song is done anew
