"""The examples of a process between two validations."""

from collections.abc import Iterator

from lightning.pytorch import Trainer
from torch.utils.data import Sampler


class Rounds(Sampler[int]):
    """The examples of one process in one round of steps, in order, from the current step on.

    Examples depend on their number alone, and the examples of a step on the step alone, however
    often the run was resumed and however many processes share it.
    """

    def __init__(self, trainer: Trainer, *, batch: int, steps: int) -> None:
        """A step of all processes takes `batch` examples; a round has this many `steps`."""
        self._trainer = trainer
        self._batch = batch
        self._steps = steps

    def examples(self, steps: int) -> int:
        """Examples of all rounds of a run; the last round may be incomplete."""
        return -(-steps // self._steps) * self._steps * self._batch

    def __iter__(self) -> Iterator[int]:
        start = self._trainer.global_step * self._batch
        stop = start + self._steps * self._batch
        return iter(range(start + self._trainer.global_rank, stop, self._trainer.world_size))

    def __len__(self) -> int:
        return self._steps * self._batch // self._trainer.world_size


def ends_step(trainer: Trainer, batch_idx: int) -> bool:
    """Whether this batch of a round is the last of a step of the optimizer."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0
