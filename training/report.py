"""Progress of a training: the loss, in the log and in the run's curve."""

import logging
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from training.curve import Curve
from training.rounds import ends_step

log = logging.getLogger(__name__)
EVERY = 50  # steps


class Report(Callback):
    """Reports the mean loss of the last steps."""

    def __init__(self, source: str, curve: Curve) -> None:
        self._source = source
        self._curve = curve
        self._losses: list[Tensor] = []  # on the device: reading one would wait for it

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue the curve of a resumed run at its current step."""
        self._curve.resume(trainer.global_step)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Collect the loss, and report from time to time."""
        # Lightning has divided it by the batches of a step.
        self._losses.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        step = trainer.global_step
        if step % EVERY == 0 and ends_step(trainer, batch_idx):
            mine = torch.stack(self._losses).mean()
            self._losses.clear()
            loss = float(trainer.strategy.reduce(mine, reduce_op="mean"))  # over all processes
            if trainer.is_global_zero:
                steps = trainer.max_steps
                log.info("%s step %d of %d: loss %.5f", self._source, step, steps, loss)
                self._curve.add(step, "loss", loss)
