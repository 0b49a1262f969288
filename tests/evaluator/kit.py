"""A stand-in for the challenge's own file, with the same contract and an interrupting alarm."""

import os
import signal
from pathlib import Path
from typing import Any


class MusicDemixingPredictor:
    """Calls the submission as the grader does, song by song, each under SIGALRM."""

    def prediction_setup(self) -> None:
        raise NotImplementedError

    def prediction(self, **paths: str) -> None:
        raise NotImplementedError

    def run(self) -> None:
        self.prediction_setup()
        for name in os.environ["PARTIAL_RUN_MUSIC_NAMES"].split(","):
            signal.signal(signal.SIGALRM, self._late)
            signal.alarm(int(os.environ["INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"]))
            folder = Path(os.environ["RESULTS_DATASET_PATH"]) / name
            folder.mkdir(parents=True)
            mixture = Path(os.environ["TEST_DATASET_PATH"]) / name / "mixture.wav"
            sources = ("bass", "drums", "other", "vocals")
            stems = {f"{source}_file_path": str(folder / f"{source}.wav") for source in sources}
            self.prediction(mixture_file_path=str(mixture), **stems)
            signal.alarm(0)
            print(f"kit: {name} in time")

    def _late(self, *args: Any) -> None:
        raise TimeoutError("song took too long")
