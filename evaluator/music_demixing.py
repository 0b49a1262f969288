"""The challenge's predictor class, with the interface of its starter kit.

The grader replaces this file with its own; a submission may rely on the names here, and on nothing
else. Ours needs no package of the challenge, and times every song.
"""

import json
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

import soundfile as sf

from evaluator.audio_files import open_audio
from mdx.errors import AudioError, ConfigError, MdxError, OutputError
from mdx.limit.challenge import ROUND_1
from mdx.systems.spec import SOURCES, folder_name


class MusicDemixingPredictor:
    """Runs a submission over a folder of songs: subclass it and override the two predictions.

    Environment: TEST_DATASET_PATH (`<song>/mixture.wav`), RESULTS_DATASET_PATH, the limits
    INFERENCE_SETUP_TIMEOUT_SECONDS and INFERENCE_PER_MUSIC_TIMEOUT_SECONDS,
    PARTIAL_RUN_MUSIC_NAMES (a comma-separated list), AICROWD_IS_GRADING (set: a failure is
    reported but not raised). Our own: EVENTS_PATH, a file that gets one JSON line per event, and
    END_WITH_STDIN (set: exit as soon as stdin closes, that is, when the parent process ends).
    """

    def __init__(self) -> None:
        env = os.environ
        self.test_data_path = Path(env.get("TEST_DATASET_PATH", "data/test"))
        self.results_data_path = Path(env.get("RESULTS_DATASET_PATH", "data/results"))
        self.inference_setup_timeout = _seconds("INFERENCE_SETUP_TIMEOUT_SECONDS", 900)
        self.inference_per_music_timeout = _seconds(
            "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", int(ROUND_1.value)
        )
        self.partial_run = env.get("PARTIAL_RUN_MUSIC_NAMES")
        self.events_path = env.get("EVENTS_PATH")

    def prediction_setup(self) -> None:
        """Prepare what all songs share, such as networks; optional."""

    def prediction(
        self,
        mixture_file_path: str,
        bass_file_path: str,
        drums_file_path: str,
        other_file_path: str,
        vocals_file_path: str,
    ) -> None:
        """Separate one mixture into the four files named; called with keywords."""
        raise NotImplementedError("override prediction() in your submission")

    def get_all_music_names(self) -> list[str]:
        """Songs of the test folder, sorted, or those of PARTIAL_RUN_MUSIC_NAMES."""
        if not self.test_data_path.is_dir():
            raise ConfigError(
                "TEST_DATASET_PATH",
                got=f"'{self.test_data_path}', which is not a folder",
                expected="a folder of songs, <song>/mixture.wav",
            )
        names = sorted(path.name for path in self.test_data_path.iterdir() if path.is_dir())
        if self.partial_run:
            names = [name for name in self.partial_run.split(",") if name]
            if self.partial_run in (path.name for path in self.test_data_path.iterdir()):
                names = [self.partial_run]  # one song, with a comma in its name
        for name in names:
            if not self.get_music_file_location(folder_name("track name", name)).is_file():
                raise ConfigError(
                    f"song '{name}'",
                    got="no mixture.wav",
                    expected=f"one in {self.test_data_path / name}",
                )
        if not names:
            raise ConfigError("TEST_DATASET_PATH", got="no song", expected="<song>/mixture.wav")
        return names

    def get_music_folder_location(self, name: str) -> Path:
        """The folder of a song of the test set."""
        return self.test_data_path / name

    def get_music_file_location(self, name: str, instrument: str | None = None) -> Path:
        """The mixture of a song, or the file to which the stem of an instrument is written."""
        if instrument is None:
            return self.get_music_folder_location(name) / "mixture.wav"
        folder = self.results_data_path / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(folder, got=error.strerror, expected="a writable folder") from error
        return folder / f"{instrument}.wav"

    def evaluation(self) -> None:
        """Set up once, then predict and verify song by song; a late song counts as failed."""
        self._event("execution_start")
        started = time.monotonic()
        with suppress(NotImplementedError):  # optional in the kit
            self.prediction_setup()
        self._check_limit("setup", started, self.inference_setup_timeout)
        for name in self.get_all_music_names():
            self._event("execution_running", song=name)
            started = time.monotonic()
            self.prediction(
                mixture_file_path=str(self.get_music_file_location(name)),
                **{
                    f"{source}_file_path": str(self.get_music_file_location(name, source))
                    for source in SOURCES
                },
            )
            self._check_limit("song", started, self.inference_per_music_timeout, song=name)
            self.verify_results(name)
        self._event("execution_success")

    def run(self) -> None:
        """Run the evaluation and report failures; called by `predict.py`."""
        if os.environ.get("END_WITH_STDIN"):
            threading.Thread(target=_end_with_stdin, daemon=True).start()
        try:
            self.evaluation()
        except Exception as error:
            self._event("execution_error", error=" ".join(str(error).split()))
            if not os.environ.get("AICROWD_IS_GRADING"):
                raise
            traceback.print_exc()

    def verify_results(self, music_name: str) -> None:
        """Check that all four stems of a song exist and are as long as its mixture."""
        expected = _samples(self.get_music_file_location(music_name))
        for source in SOURCES:
            path = self.get_music_file_location(music_name, source)
            if not path.is_file():
                raise MdxError(path, got="no file", expected="four stems of every song")
            samples = _samples(path)
            if samples != expected:
                raise MdxError(
                    path, got=f"{samples} samples", expected=f"{expected} like the mixture"
                )

    def _check_limit(self, what: str, started: float, limit: int, **song: str) -> None:
        seconds = time.monotonic() - started
        self._event(f"{what}_done", seconds=round(seconds, 3), limit=limit, **song)
        if seconds > limit:
            phase = "PER_MUSIC" if song else "SETUP"
            raise MdxError(
                song.get("song", what), got=f"{seconds:.1f} s",
                expected=f"at most {limit} s (INFERENCE_{phase}_TIMEOUT_SECONDS)",
            )  # fmt: skip

    def _event(self, name: str, **facts: object) -> None:
        if self.events_path:
            with Path(self.events_path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"event": name, **facts}) + "\n")


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not sys.stdin: it is locked while a thread reads it
        pass
    os._exit(1)  # at once, even while native code runs


def _samples(path: Path) -> int:
    try:
        with open_audio(path) as file:
            return int(file.frames)
    except (sf.LibsndfileError, OSError) as error:  # perhaps one that only FFmpeg can read
        raise AudioError(
            path, got=f"no readable file ({error})", expected="WAV, as in the challenge"
        ) from error


def _seconds(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdecimal():
        raise ConfigError(name, got=repr(value), expected="a whole number of seconds")
    return int(value)
