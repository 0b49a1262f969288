"""The submission: without arguments it runs the challenge, with files it separates them."""

import json
import logging
import os
import sys
from pathlib import Path

try:
    from evaluator.music_demixing import MusicDemixingPredictor
    from mdx.audio.formats import Encoding
    from mdx.cli.environment import (
        choice_of_environment,
        flag_of_environment,
        system_of_environment,
        threads_of_environment,
        warn_of_unknown_variables,
    )
    from mdx.cli.process import Stopped, complain, print_any_name, stopping_cleanly
    from mdx.errors import ConfigError, MdxError
    from mdx.estimators.front_ends import is_heavy
    from mdx.files import write_atomically
    from mdx.limit.challenge import submission_limit
    from mdx.machine import peak_memory
    from mdx.runtimes.memory import save_memory
    from mdx.separator import Separator
    from mdx.stages import Stages
    from mdx.systems.find import find_system
    from mdx.systems.spec import SOURCES
except ModuleNotFoundError as missing:
    if __name__ != "__main__":
        raise
    sys.exit(  # the Python of the system, most often
        f"error: {sys.executable}: got no package '{missing.name}', expected a Python in which the "
        "submission is installed; make demo makes one, .venv/bin/python, or pip install . in yours"
    )


class Submission(MusicDemixingPredictor):
    """KUIELab-MDX-Net as the challenge's predictor; networks are loaded once, in setup.

    Environment, besides the challenge's own: MDX_SYSTEM, MDX_PRECISION (default: float32),
    MDX_RUNTIME, MDX_PROVIDER, MDX_THREADS (default: every CPU), MDX_LIMIT (a policy, within
    INFERENCE_PER_MUSIC_TIMEOUT_SECONDS unless it is none), MDX_SPEND_BUDGET (1: slower and better),
    MDX_SUBTYPE (default: PCM_16, as in the challenge), and MDX_AUDIT_PATH, a file to which the
    seconds and the memory of the last song are written.
    """

    def prediction_setup(self) -> None:
        """Load the separators and the Mixer, and time them if there is a limit."""
        warn_of_unknown_variables()
        system = system_of_environment()
        spec = find_system(system)[0]
        if spec.stems != SOURCES:
            raise ConfigError(
                f"system {system}",
                got=f"the stems {', '.join(spec.stems)}",
                expected=f"the challenge's four stems, {', '.join(SOURCES)}",
                hint="name a FILE to separate with it",
            )
        self.limit = submission_limit(spec.limit)
        save_memory(give_back=is_heavy(spec))
        self.separator = Separator.load(
            system,
            runtime=choice_of_environment("runtime"),
            provider=choice_of_environment("provider"),
            precision=choice_of_environment("precision"),
            threads=threads_of_environment(),
            limited=self.limit.kind != "none",
            spend_budget=flag_of_environment("MDX_SPEND_BUDGET"),
        )

    def prediction(
        self,
        mixture_file_path: str,
        bass_file_path: str,
        drums_file_path: str,
        other_file_path: str,
        vocals_file_path: str,
    ) -> None:
        """Separate one mixture into four files."""
        stems = {
            "bass": Path(bass_file_path),
            "drums": Path(drums_file_path),
            "other": Path(other_file_path),
            "vocals": Path(vocals_file_path),
        }
        stages = Stages()
        encoding = Encoding(subtype=os.environ.get("MDX_SUBTYPE") or None)
        self.separator.separate_file(
            mixture_file_path, stems, encoding=encoding, stages=stages, limit=self.limit
        )
        if audit := os.environ.get("MDX_AUDIT_PATH"):
            facts = {
                "threads": self.separator.threads,
                "runtime": self.separator.runtime,
                "precision": self.separator.precision,
                "stages": stages.seconds,
                "peak_memory": peak_memory(),
            }
            write_atomically(Path(audit), json.dumps(facts) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the challenge, or separate the given files like `mdx separate`; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments:
        from mdx.cli.main import main as command_line  # which the challenge does not need

        return command_line(["separate", *arguments])
    logging.basicConfig(format="%(levelname)s: %(message)s")
    print_any_name()
    try:
        with stopping_cleanly():
            Submission().run()
    except MdxError as error:
        complain(error)
        return 1
    except Stopped as stop:
        complain(f"interrupted by {stop}: the unfinished song has no stems")
        return stop.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
