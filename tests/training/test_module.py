"""A training step: STFTs around the network, loss, optimizer, averaged weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mdx.errors import NetworkError
from mdx.estimators.stft import Stft
from mdx.systems.spec import SOURCES
from models.random_weights import randomise
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet
from tests.tiny import TINY, noise
from tests.training.miniature import CONFIG, V1, V3
from training.architectures import ARCHITECTURES
from training.config import SeparatorConfig
from training.module import SeparatorModule, average_with_warm_up, waveform_loss
from training.spectrogram import high_band, spectrogram, waveform

SPEC = CONFIG.stft(CONFIG.train_frames)


def batch(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixtures of a low and a high tone, and the high tone as target."""
    time = torch.arange(SPEC.chunk) / 44100
    start = torch.arange(count).reshape(-1, 1, 1) * torch.tensor([[[1.0], [2.0]]])
    low, high = (torch.sin(2 * torch.pi * tone * time + start) / 5 for tone in (900, 4000))
    return low + high, high


def step(module: SeparatorModule, optimizer: torch.optim.Optimizer) -> None:
    mix, target = batch()
    loss = waveform_loss(module(mix), target, SPEC, module.config.loss)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@pytest.mark.parametrize("source", SOURCES)
def test_the_spectrogram_is_the_runtime_s(source: str) -> None:
    spec = TINY[source]
    mix = noise(spec.chunk)
    expected = Stft(spec).forward(mix)
    got = spectrogram(torch.from_numpy(np.stack([mix, 2 * mix])), spec)
    np.testing.assert_allclose(got[0].numpy(), expected, atol=1e-5 * np.abs(expected).max())
    torch.testing.assert_close(got[1], 2 * got[0])
    back = waveform(got, spec)[0].numpy()
    np.testing.assert_allclose(back, Stft(spec).inverse(expected), atol=1e-5)


@pytest.mark.parametrize("config", [CONFIG, V1, V3], ids=["v2", "v1", "v3"])
def test_folding_the_scale_is_exact(config: SeparatorConfig) -> None:
    torch.manual_seed(0)
    net = config.build().eval()
    x = torch.randn(1, 4, config.dim_f, 16)
    with torch.no_grad():
        expected = 7 * net(x / 7)
        ARCHITECTURES[config.architecture].fold_scale(net, 7.0)
        torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-4)


def test_the_finished_network_does_what_was_trained() -> None:
    module = SeparatorModule(CONFIG, scale=11.0)
    size = CONFIG.size()
    assert isinstance(size, TfcTdfSpec)
    module.network.load_state_dict(randomise(TfcTdfUNet(size), seed=0).state_dict())
    module.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    mix, _ = batch()
    with torch.no_grad():
        found = waveform(module.finished()(spectrogram(mix, SPEC)), SPEC)
        torch.testing.assert_close(found, module(mix), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)  # it was a copy


def test_one_batch_is_learnt_by_heart() -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, loss="mse", optimizer="adam", learning_rate=0.01)
    mix, target = batch()
    module = SeparatorModule(config, scale=float(spectrogram(mix, SPEC).std()))
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Adam)
    for _ in range(250):
        step(module, optimizer)
    with torch.no_grad():
        error = waveform_loss(module(mix), target, SPEC, "mse")
    silence = waveform_loss(torch.zeros_like(target), target, SPEC, "mse")
    assert 10 * torch.log10(error / silence) < -30


@pytest.mark.parametrize(("loss", "power"), [("l1", 1), ("mse", 2)])
def test_the_loss_leaves_out_what_inference_trims(loss: str, power: int) -> None:
    rng = np.random.default_rng(0)
    estimate, target = rng.standard_normal((2, 3, 2, SPEC.chunk)).astype(np.float32)
    inside = (estimate - target)[:, :, SPEC.n_fft // 2 : SPEC.chunk - SPEC.n_fft // 2]
    expected = np.mean(np.abs(inside) ** power)
    estimate[:, :, : SPEC.trim] = 1e6
    estimate[:, :, -SPEC.trim :] = np.nan
    got = waveform_loss(torch.from_numpy(estimate), torch.from_numpy(target), SPEC, loss)
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_the_optimizer_is_the_paper_s() -> None:
    optimizer = SeparatorModule(replace(CONFIG, learning_rate=1e-4), scale=1).configure_optimizers()
    assert isinstance(optimizer, torch.optim.RMSprop)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["centered"]) == (1e-4, 0, False)


@pytest.mark.parametrize("kind", ["rmsprop", "adam"])
def test_one_cycle_rises_for_a_tenth_of_the_run(kind: str) -> None:
    config = replace(CONFIG, optimizer=kind, schedule="one_cycle", steps=100, learning_rate=0.01)
    plan: Any = SeparatorModule(config, scale=1).configure_optimizers()
    optimizer, schedule = plan["optimizer"], plan["lr_scheduler"]["scheduler"]
    assert plan["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(config.steps):
        rates.append(optimizer.param_groups[0]["lr"])
        assert optimizer.param_groups[0].get("momentum", 0) == 0
        optimizer.step()
        schedule.step()
    assert int(np.argmax(rates)) == 9 and max(rates) == pytest.approx(0.01)
    assert rates[0] < 0.001 and rates[-1] < 1e-5


def test_averaged_weights_follow_by_their_decay() -> None:
    module = SeparatorModule(replace(CONFIG, ema=0.75), scale=1.0)
    assert module.averaged is not None
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.RMSprop)
    expected: dict[str, torch.Tensor] = {}
    # They start as the network's weights, follow quickly at first, and finally with the decay.
    for decay in (0.0, 2 / 11, 3 / 12, 4 / 13):
        step(module, optimizer)
        module.averaged.update_parameters(module.network)
        for name, value in module.network.state_dict().items():
            new = value.double()
            old = expected.get(name, new)
            expected[name] = decay * old + (1 - decay) * new
    late = torch.ones(1)
    average_with_warm_up(0.75)([late], [torch.zeros(1)], torch.tensor(1000))
    assert late.item() == 0.75
    averaged = module.averaged.module.state_dict()
    for name in [name for name in expected if not name.endswith("num_batches_tracked")]:
        torch.testing.assert_close(averaged[name].double(), expected[name], rtol=1e-4, atol=1e-6)
    name = "middle.tfc.0.0.weight"  # not at either end, so no scale is folded into it
    torch.testing.assert_close(module.finished().state_dict()[name], averaged[name])
    assert not torch.equal(averaged[name], module.network.state_dict()[name])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_named(value: float) -> None:
    module = SeparatorModule(CONFIG, scale=1.0)
    for weight in module.network.parameters():
        weight.grad = torch.zeros_like(weight)
    weight.grad = torch.full_like(weight, value)
    with pytest.raises(NetworkError, match=rf"a gradient of {value}, expected a finite one"):
        module.on_before_optimizer_step(torch.optim.SGD(module.parameters()))


def test_the_high_band_is_what_the_runtime_keeps_of_a_spectrogram() -> None:
    audio, first = noise(SPEC.chunk), 20
    spectra = Stft(SPEC).forward(audio)
    spectra[:, :first] = 0
    both = torch.from_numpy(np.stack([audio, 2 * audio]))
    found = high_band(both, SPEC, first).numpy()
    np.testing.assert_allclose(found[0], Stft(SPEC).inverse(spectra), atol=1e-5)
    np.testing.assert_allclose(found[1], 2 * found[0], atol=1e-5)


def test_below_the_first_bin_nothing_is_estimated_or_learnt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SeparatorModule, "log", lambda *_: None)  # there is no trainer
    first = SPEC.dim_f // 2
    mix, target = batch()
    torch.manual_seed(0)
    modules = [SeparatorModule(replace(CONFIG, first_bin=bin), scale=1.0) for bin in (0, first)]
    shares = []
    for module in modules:
        estimate = module(mix).detach()
        lower = estimate - high_band(estimate, SPEC, first)
        shares.append((lower**2).mean() / (estimate**2).mean())
    assert shares[1] < 0.05 < 0.3 < shares[0]
    low = target - high_band(target, SPEC, first)
    losses = [modules[1].training_step((mix, it)).item() for it in (target, target - low)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02) and low.abs().max() > 0.05
