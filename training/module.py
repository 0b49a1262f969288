"""A training step: the network between STFT and inverse STFT, its loss and its optimizer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from typing_extensions import override

from mdx.errors import NetworkError
from mdx.estimators.stft import StftSpec
from training.architectures import ARCHITECTURES
from training.config import SeparatorConfig
from training.losses import LOSSES
from training.optimizers import OPTIMIZERS, SCHEDULES
from training.spectrogram import above, high_band, spectrogram, waveform
from training.warm_start import read_state


class SeparatorModule(LightningModule):
    """One separator in training.

    The network reads spectra divided by `scale`, about their standard deviation, and its output is
    multiplied by it: training need not compensate for the magnitude of an STFT's numbers.
    """

    scale: Tensor

    def __init__(self, config: SeparatorConfig, *, scale: float) -> None:
        super().__init__()
        self.config = config
        self.stft = config.stft(config.train_frames)
        # This memory layout makes convolutions faster on CPUs and GPUs.
        self.network = config.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("scale", torch.tensor(scale))
        self.averaged: AveragedModel | None = None
        if config.ema:
            self.averaged = AveragedModel(
                self.network, multi_avg_fn=average_with_warm_up(config.ema), use_buffers=True
            )
            self.averaged.requires_grad_(False)

    @override
    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, chunk) -> the same, or (batch, sources, 2, chunk) for several sources.

        The chunk is that of config.train_frames.
        """
        found = self.network(spectrogram(mix, self.stft) / self.scale)
        return waveform(above(self.config.first_bin, found.float() * self.scale), self.stft)

    @override
    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch of mixtures and targets.

        Shape: (batch, 2, chunk) both -> (); targets (batch, sources, 2, chunk) for several sources.
        """
        mix, target = batch
        if self.config.first_bin:
            target = high_band(target, self.stft, self.config.first_bin)
        loss = waveform_loss(self(mix), target, self.stft, self.config.loss)
        self.log("loss", loss)
        return loss

    @override
    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Raises NetworkError for a gradient that would spoil the weights.

        All processes stop at the same step, since their gradients have been averaged by then.
        """
        gradients = [weight.grad for weight in self.network.parameters() if weight.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not norm.isfinite():
            raise NetworkError(
                f"training, step {self.global_step + 1}", got=f"a gradient of {norm.item()}",
                expected="a finite one",
                hint="the last checkpoint is kept; a lower learning_rate or a clip may help",
            )  # fmt: skip
        self.log("gradient", norm)

    @override
    def optimizer_step(self, *args: object, **kwargs: object) -> None:
        """Step, then update the averaged weights."""
        super().optimizer_step(*args, **kwargs)  # type: ignore[arg-type]
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer and the schedule that the configuration names."""
        config, rate = self.config, self.config.learning_rate
        optimizer = OPTIMIZERS[config.optimizer](
            self.network.parameters(), rate, config.weight_decay
        )
        schedule = SCHEDULES[config.schedule](optimizer, rate, config.steps)
        if schedule is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def start_from(self, path: Path) -> None:
        """Load the weights and the scale of a `.state.npz`, also into the averages.

        Raises WeightsError or ConfigError, as read_state does.
        """
        weights, scale = read_state(path, self.network)
        self.scale.fill_(scale)
        for network in (self.network, self.averaged.module if self.averaged else None):
            if network is not None:
                network.load_state_dict(weights)

    def trained(self) -> nn.Module:
        """The network to keep: the averaged one if there is one, without its scale."""
        return self.network if self.averaged is None else self.averaged.module

    def finished(self) -> nn.Module:
        """A copy of the network for validation and export, with the scale folded in."""
        copy = self.config.build()
        copy.load_state_dict(self.trained().state_dict())
        ARCHITECTURES[self.config.architecture].fold_scale(copy, float(self.scale))
        return copy.to(self.device).eval()


def average_with_warm_up(decay: float) -> Callable[..., None]:
    """Averaging with a smaller decay at first, to forget the random initial weights sooner.

    At a constant decay of 0.998, it would take 1,150 steps until their share is a tenth.
    """

    def follow(averages: Sequence[Tensor], weights: Sequence[Tensor], count: Tensor) -> None:
        """Move averaged weights towards the current ones, in place.

        Shape: any, the same for both
        """
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(now)(averages, weights, count)  # type: ignore[no-untyped-call]

    return follow


def waveform_loss(estimate: Tensor, target: Tensor, spec: StftSpec, loss: str) -> Tensor:
    """The named loss, on the centre of a chunk.

    Inference drops the ends of every chunk, so they are not trained either.
    Shape: (..., 2, chunk) both -> ().
    """
    middle = slice(spec.trim, spec.chunk - spec.trim)
    return LOSSES[loss](estimate[..., middle], target[..., middle])
