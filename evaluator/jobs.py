"""The evaluator's unit of work: one song of one entry, as a value that can be sent anywhere.

A job can be pickled, and `do_song` needs nothing else: it may run in a thread, in another process,
or on a machine that sees the same files. Its record is kept in `records/<entry>/<song>.json`.
"""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluator.children import Children
from evaluator.fingerprints import hash_facts, hash_file, hash_files, separation_code
from evaluator.records import Record, json_name, read_record, write_record
from evaluator.replay import SongFailed, Submission, separate_song, settings
from evaluator.scores import score_files, score_scaled_mixture
from evaluator.stop import Stop
from evaluator.systems import System, read_systems
from evaluator.test_sets import Song
from mdx.errors import AudioError
from mdx.limit.challenge import submission_limit
from mdx.limit.policy import Limit, parse_limit
from mdx.machine import available_cpus, cpu_model
from mdx.systems.spec import SOURCES

PREFIX = "MDX_"  # of environment variables that may affect stems
HERE = "-"  # in place of a cluster's worker, on the machine that runs the evaluation


@dataclass(frozen=True)
class Options:
    """How a test set is run."""

    subtype: str = "PCM_16"
    limit: str | None = None  # of a song; None: the environment's, the system's, or round 1's
    spend_budget: bool = False  # test-time augmentation where the limit allows
    full: bool = False  # ISR, SIR and SAR as well
    repeat: int = 1  # how often each song is separated, to see how its time varies
    workers: int = 1  # songs in parallel, which share the CPUs
    resume: bool = False  # keep what an earlier run finished

    def limit_of(self, system: System) -> Limit:
        """The limit of a system's songs, by default the submission's own; raises ConfigError."""
        if self.limit is None:
            return submission_limit(system.spec.limit)
        return parse_limit(self.limit, "--limit")


@dataclass(frozen=True)
class Job:
    """One song of an entry in the report; subclasses define what is done with it."""

    entry: str  # the name of a system, of stems made elsewhere, or of the baseline
    song: Song
    out: Path  # where everything is kept
    options: Options
    scoring_code: str  # a hash of it

    @property
    def frames(self) -> Path:
        """Where the framewise scores are written."""
        return self.out / "scores" / self.entry / "test" / json_name(self.song.name)

    def separate(self, known: Record | None) -> Record | None:  # noqa: ARG002
        """Make the stems unless they are still those of `known`; None if none are to be made."""
        return None

    def score(self, known: Record | None) -> Record:
        """Score the stems, unless `known` is the score of the same files; raises AudioError."""
        raise NotImplementedError

    def references_key(self) -> str:
        """A hash of the mixture, the true stems, and the code that scores."""
        files = [self.song.folder / f"{name}.wav" for name in ("mixture", *SOURCES)]
        return hash_facts(hash_files(files), self.scoring_code)

    def score_files(self, files: Mapping[str, Path], known: Record | None) -> Record:
        """Score one file for each source, as `score` does."""
        hashes = {source: hash_file(path) for source, path in files.items()}
        key = hash_facts(self.references_key(), hashes, self.options.full)
        if known and known["key"] == key and self.frames.exists():
            return known
        scores = score_files(self.song.folder, files, self.frames, full=self.options.full)
        return {"key": key, **scores}


@dataclass(frozen=True)
class BaselineJob(Job):
    """A song of the challenge's simplest baseline, the scaled mixture."""

    def score(self, known: Record | None) -> Record:
        """Score the scaled mixture."""
        key = self.references_key()
        if known and known["key"] == key:
            return known
        return {"key": key, **score_scaled_mixture(self.song.folder)}


@dataclass(frozen=True)
class StemsJob(Job):
    """A song whose stems another tool made, all four or some of them."""

    files: Mapping[str, tuple[Path, ...]]  # by source; more than one for a source is an error

    def score(self, known: Record | None) -> Record:
        """Score the stems that exist."""
        if not self.files:
            raise AudioError(
                f"{self.entry}: {self.song.name}", got="no stem",
                expected=f"WAV or FLAC files for {', '.join(SOURCES)}, or some of them",
            )  # fmt: skip
        for source, (first, *more) in self.files.items():
            if more:
                raise AudioError(
                    more[0], got=f"a second file for {source}, beside {first.name}",
                    expected="one for each stem of a song",
                )  # fmt: skip
        return self.score_files({source: paths[0] for source, paths in self.files.items()}, known)


@dataclass(frozen=True)
class SystemJob(Job):
    """A song that a system separates."""

    system: System
    limit: Limit
    threads: int
    separation_code: str  # a hash of it
    stop: Stop  # ends the child that separates
    inherited: Mapping[str, str]  # a submission's environment variables where the run was started

    @property
    def files(self) -> dict[str, Path]:
        """Where the stems are written, by source."""
        folder = self.out / "stems" / self.entry / self.song.name
        return {source: folder / f"{source}.wav" for source in SOURCES}

    def score(self, known: Record | None) -> Record:
        """Score the stems that were written."""
        return self.score_files(self.files, known)

    def separate(self, known: Record | None) -> Record | None:
        """Run the submission `repeat` times; raises SongFailed, SetupFailed or Cancelled."""
        files, results = list(self.files.values()), self.out / "stems" / self.entry
        submission, key = self._submission, self._separation_key()
        if known and self.is_known(known):
            return known
        children = Children(self.stop.requested)
        runs, hashes = [], []
        for _ in range(self.options.repeat):
            runs.append(asdict(separate_song(submission, self.song.folder, results, children)))
            hashes.append(hash_files(files))
        self._check_unchanged()
        machine = {
            "host": platform.node(), "worker": HERE, "cpu": cpu_model(), "cpus": available_cpus(),
            "threads": self.threads, "seconds": round(sum(run["seconds"] for run in runs), 3),
        }  # fmt: skip
        return {
            "key": key, "stems": hashes[-1], "runs": runs, "machine": machine,
            "same_every_time": all(stems == hashes[0] for stems in hashes),
        }  # fmt: skip

    def _check_unchanged(self) -> None:
        # Each child reads the system and the code anew; the key is that of the run's beginning.
        (system,) = read_systems([self.system.given], self.system.precision)
        if (system.key, separation_code()) != (self.system.key, self.separation_code):
            raise SongFailed(
                f"{self.entry}: {self.song.name}", got="a system or code that changed meanwhile",
                expected="the same during a run", hint="run it again",
            )  # fmt: skip

    def is_known(self, known: Record) -> bool:
        """Whether `known` describes the stems on disk, and a new run would make the same ones."""
        files = list(self.files.values())
        return (
            known["key"] == self._separation_key()
            and len(known["runs"]) >= self.options.repeat
            and all(file.exists() for file in files)
            and hash_files(files) == known["stems"]
        )

    @property
    def _submission(self) -> Submission:
        return Submission(
            self.system.given, self.options.subtype, self.limit, self.threads,
            self.system.precision, self.options.spend_budget, inherited=self.inherited,
        )  # fmt: skip

    def _separation_key(self) -> str:
        # Inherited variables count unless `settings` overrides them.
        own = settings(self._submission, self.song.folder, self.out, None)
        inherited = {
            name: value
            for name, value in self.inherited.items()
            if name.startswith(PREFIX) and name not in own
        }
        return hash_facts(
            hash_files([self.song.folder / "mixture.wav"]), self.system.key, self.separation_code,
            self.options.subtype, asdict(self.limit), self.options.spend_budget, inherited,
        )  # fmt: skip


def do_song(job: Job) -> Record:
    """Do one song; returns its record, which holds the error of a song that failed.

    Errors that end the whole run are raised: SetupFailed if the submission cannot be set up,
    OutputError if nothing can be written, Cancelled on request.
    """
    old = earlier_record(job)
    try:
        separation = job.separate(old.get("separation"))
    except (SongFailed, AudioError) as error:
        return keep_record(job, None, error=str(error))
    return finish_song(job, separation, old.get("scores"))


def finish_song(job: Job, separation: Record | None, scores: Record | None) -> Record:
    """Record the separation, and score its stems unless `scores` are those of the same stems."""
    if not job.song.has_references:
        return keep_record(job, separation)
    # Before scoring, which may be interrupted; where it is on the disk, so may be its scores.
    if separation and read_record(_path(job)).get("separation") != separation:
        keep_record(job, separation)
    try:
        return keep_record(job, separation, scores=job.score(scores))
    except (SongFailed, AudioError) as error:
        return keep_record(job, separation, error=str(error))


def keep_record(
    job: Job, separation: Record | None, *, scores: Record | None = None, error: str | None = None
) -> Record:
    """Write the record of a song; returns it. Raises OutputError.

    A song that failed has no framewise scores any more, by which an aggregate would count it.
    """
    if error is not None:
        job.frames.unlink(missing_ok=True)
    return write_record(_path(job), separation, scores, error)


def earlier_record(job: Job) -> Record:
    """The song's record from an earlier run if this run resumes it, otherwise an empty one."""
    return read_record(_path(job)) if job.options.resume else {}


def _path(job: Job) -> Path:
    return job.out / "records" / job.entry / json_name(job.song.name)
