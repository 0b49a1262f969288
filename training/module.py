"""What a step of training is: the network between two STFTs, its loss, its optimizer."""

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from typing_extensions import override

from mdx.errors import NetworkError
from mdx.estimators.stft import StftSpec
from training.config import SeparatorConfig
from training.spectrogram import spectrogram, waveform

WARM_UP = 0.1  # share of a one-cycle run in which the learning rate rises


class SeparatorModule(LightningModule):
    """One separator in training.

    The network sees spectra divided by `scale`, about their standard deviation, and what it finds
    is multiplied by it: no training has to make up for the size of an STFT's numbers.
    """

    scale: Tensor

    def __init__(self, config: SeparatorConfig, *, scale: float) -> None:
        super().__init__()
        self.config = config
        self.stft = config.stft(config.train_frames)
        # Convolutions are faster so, on CPUs and on GPUs.
        self.network = config.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("scale", torch.tensor(scale))
        self.averaged: AveragedModel | None = None
        if config.ema:
            average = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
            self.averaged = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
            self.averaged.requires_grad_(False)

    @override
    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, chunk) -> the same, for the chunk of config.train_frames."""
        found = self.network(spectrogram(mix, self.stft) / self.scale)
        return waveform(found.float() * self.scale, self.stft)

    @override
    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch of mixtures and targets. Shape: (batch, 2, chunk) both -> ()."""
        mix, target = batch
        loss = waveform_loss(self(mix), target, self.stft, self.config.loss)
        self.log("loss", loss)
        return loss

    @override
    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Raises NetworkError for a gradient that would spoil the weights.

        By now processes have averaged their gradients, so that all of them stop at the same step.
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
        """Step, and let the averaged weights follow."""
        super().optimizer_step(*args, **kwargs)  # type: ignore[arg-type]
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        """RMSProp without momentum, as in the paper, or Adam; constant or one-cycle."""
        config, rate = self.config, self.config.learning_rate
        weights = self.network.parameters()
        optimizer: Optimizer
        if config.optimizer == "adam":
            optimizer = torch.optim.Adam(weights, lr=rate)
        else:
            optimizer = torch.optim.RMSprop(weights, lr=rate)
        if config.schedule == "constant":
            return optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=config.steps, pct_start=WARM_UP,
            cycle_momentum=config.optimizer == "adam",
        )  # fmt: skip
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def finished(self) -> nn.Module:
        """A copy of the network as it is validated and exported: averaged, the scale folded in."""
        trained = self.network if self.averaged is None else self.averaged.module
        copy = self.config.build()
        copy.load_state_dict(trained.state_dict())
        return fold_scale(copy.to(self.device), float(self.scale)).eval()


def waveform_loss(estimate: Tensor, target: Tensor, spec: StftSpec, loss: str) -> Tensor:
    """`l1` as in the paper or `mse` as released, in the middle of a chunk.

    Inference drops the ends of every chunk, so they are not learnt either.
    Shape: (batch, 2, chunk) both -> ().
    """
    difference = (estimate - target)[..., spec.trim : spec.chunk - spec.trim]
    return difference.abs().mean() if loss == "l1" else difference.square().mean()


def fold_scale(net: nn.Module, scale: float) -> nn.Module:
    """Turn x -> scale * net(x / scale) into a plain network, in place, and return it.

    Both ends are convolutions with nothing before the first and after the last, so the fold is
    exact.
    """
    first, last = net.get_submodule("first.0"), net.get_submodule("last")
    assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d) and last.bias is not None
    with torch.no_grad():
        first.weight /= scale
        last.weight *= scale
        last.bias *= scale
    return net
