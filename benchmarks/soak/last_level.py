"""The submission at its last quality level: the least that a machine must do for a song."""

from mdx.limit.policy import Limit
from predict import Submission


class LastLevel(Submission):
    """Sets up like the submission, and then runs no network."""

    def prediction_setup(self) -> None:
        """Set a limit in which nothing but the scaled mixture fits."""
        super().prediction_setup()
        self.limit = Limit("fixed", 1e-6)


if __name__ == "__main__":
    LastLevel().run()
