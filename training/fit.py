"""Step one: train a separator for one source on random mixtures, with Lightning."""

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from mdx.errors import AudioError, ConfigError
from mdx.estimators.stft import StftSpec
from mdx.files import write_atomically
from training.checkpoints import SafeCheckpointIO, check_run, describe_run
from training.config import SeparatorConfig
from training.curve import Curve
from training.examples import Examples
from training.hardware import Hardware
from training.keep_best import KeepBest, last_checkpoint
from training.module import SeparatorModule
from training.origin import Origin
from training.release import write_network
from training.report import Report
from training.resident import Batches, ResidentExamples
from training.rounds import Rounds
from training.songs import Song
from training.spectrogram import spectrogram
from training.validation import require_all

log = logging.getLogger(__name__)
SCALE_FROM = 32  # examples
PLACE = "weights-file"  # in the folder of a run: where it writes its best network


def fit(
    config: SeparatorConfig, source: str, train_songs: Sequence[Song], valid_songs: Sequence[Song],
    *, out: Path, weights: Path, name: str, seed: int, origin: Origin,
    hardware: Hardware | None = None, resume: bool = False, start: Path | None = None,
) -> float:  # fmt: skip
    """Train a separator (paper, section 3); returns its best validation SDR in dB.

    Checkpoints and logs go into `out`; the best network so far is `name` in the folder and the
    manifest of `weights`. With `resume` the run continues from the last checkpoint in `out`, if
    there is one, and ends with the same weights as an uninterrupted one. `start` is the file of
    weights from which a new run begins, with a fresh optimizer and schedule. Raises ConfigError,
    AudioError, OutputError, WeightsError, or NetworkError for a gradient that is not finite.
    """
    hardware = hardware or Hardware()
    if not train_songs or not valid_songs:
        got = f"{len(train_songs)} for training, {len(valid_songs)} for validation"
        raise ConfigError("songs", got=got, expected="at least one each")
    require_all(valid_songs, source)
    run = describe_run(config, source, seed, origin.data)
    checkpoint = _find_checkpoint(out, resume=resume)
    if checkpoint:
        check_run(checkpoint, run)

    def export(module: SeparatorModule, score: float) -> None:
        """Write the network with its score in dB."""
        write_atomically(out / PLACE, place_of(weights / name, out))
        write_network(module, weights, name, score=score, origin=origin)

    curve = Curve(out)
    keeper = KeepBest(
        valid_songs, source, folder=out, export=export, patience=config.patience, run=run,
        curve=curve, warm=start is not None,
    )  # fmt: skip
    spec = config.stft(config.train_frames)
    with _quiet():
        trainer = _trainer(config, hardware, out, [Report(source, curve), keeper])
        draw = partial(Examples, train_songs, source, config.data, chunk=spec.chunk, seed=seed)
        resident = None
        if hardware.resident:
            resident = partial(
                ResidentExamples, train_songs, source, config.data, chunk=spec.chunk, seed=seed
            )
        loader = _make_loader(config, hardware, trainer, resident or draw)
        module = _make_module(config, draw(count=SCALE_FROM), spec, checkpoint, start, seed)
        _warn_of_batch_norm(module, hardware)
        handler = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
        except SIGTERMException:
            raise
        except SystemExit as stop:  # which Lightning makes of Ctrl-C
            signal.signal(signal.SIGINT, handler)  # it ignores further ones
            raise KeyboardInterrupt from stop
        except RuntimeError as error:
            told = _from_worker(error)
            if told is None:
                raise
            raise told from error
    return keeper.best


def place_of(target: Path, run: Path) -> str:
    """The path of weights, relative to the folder of their run."""
    return os.path.relpath(target.resolve(), run.resolve())


def wrote(run: Path, target: Path) -> bool:
    """Whether a run wrote these weights."""
    try:
        return (run / PLACE).read_text(encoding="utf-8") == place_of(target, run)
    except FileNotFoundError:  # it has written none, or is older than this file
        return last_checkpoint(run).exists()


def _make_loader(
    config: SeparatorConfig, hardware: Hardware, trainer: Trainer, draw: Callable[..., Examples]
) -> DataLoader[tuple[Tensor, Tensor]]:
    # `draw` makes this many examples; each process gets its share of every batch.
    size = hardware.share(config.batch)
    if hardware.resident:
        rounds = Rounds(trainer, batch=config.accumulate, steps=config.validate_every)  # of batches
        examples = draw(count=size * rounds.examples(config.steps), device=hardware.device)
        assert isinstance(examples, ResidentExamples)
        return DataLoader(Batches(examples, size), batch_size=None, sampler=rounds)
    rounds = Rounds(
        trainer, batch=config.batch * config.accumulate, steps=config.validate_every
    )  # fmt: skip
    return DataLoader(
        draw(count=rounds.examples(config.steps)),
        batch_size=size,
        sampler=rounds,
        num_workers=hardware.workers,
        # A fork would inherit the threads of numerical libraries in a broken state.
        multiprocessing_context="spawn" if hardware.workers else None,
        persistent_workers=hardware.workers > 0,
        pin_memory=hardware.kind == "gpu",
    )


def _make_module(
    config: SeparatorConfig, examples: Examples, spec: StftSpec, checkpoint: Path | None,
    start: Path | None, seed: int,
) -> SeparatorModule:  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # A checkpoint contains its scale, like the weights of a warm start.
        scale = 1.0 if checkpoint or start else _spectrum_scale(examples, spec)
        module = SeparatorModule(config, scale=scale)
        if start and not checkpoint:
            module.start_from(start)
    return module


def _from_worker(error: RuntimeError) -> AudioError | None:
    # Errors in worker processes arrive as text, after their traceback.
    *_, last = str(error).rstrip().splitlines() or [""]
    kind, _, text = last.partition(": ")
    if kind != f"{AudioError.__module__}.{AudioError.__name__}":
        return None
    return AudioError("training songs", got=f"'{text}'", expected="songs that can be read")


def _find_checkpoint(out: Path, *, resume: bool) -> Path | None:
    path = last_checkpoint(out)
    if not path.exists():
        if resume:
            log.info("%s: nothing to resume, the run begins", path)
        return None
    if not resume:
        raise ConfigError(
            out, got="the checkpoint of a run", expected="an empty folder",
            hint="--resume continues it; remove the folder to begin anew",
        )  # fmt: skip
    return path


def _trainer(
    config: SeparatorConfig, hardware: Hardware, out: Path, callbacks: list[Callback]
) -> Trainer:
    together = hardware.processes > 1
    return Trainer(
        accelerator=hardware.kind,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy="ddp" if together else "auto",
        # BatchNorm over the whole batch, even if it is split; torch has that for GPUs only.
        sync_batchnorm=together and hardware.kind == "gpu",
        precision=config.precision,  # type: ignore[arg-type]  # one of SEPARATOR_CHOICES
        max_steps=config.steps,
        max_epochs=-1,  # an epoch is a round between two validations
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.clip or None,
        callbacks=callbacks,
        logger=TensorBoardLogger(out, name="", version="logs"),
        plugins=[SafeCheckpointIO()],
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _warn_of_batch_norm(module: SeparatorModule, hardware: Hardware) -> None:
    normalised = any(isinstance(layer, _BatchNorm) for layer in module.modules())
    if normalised and hardware.processes > 1 and hardware.kind == "cpu":
        log.warning(
            "on CPUs, batch norm sees only a process's own share of a batch: results differ from "
            "those of one process"
        )


def _spectrum_scale(examples: Examples, spec: StftSpec) -> float:
    # Spectra have a standard deviation far from 1.
    mixtures = (examples[index][0] for index in range(len(examples)))
    powers = [spectrogram(mix[None], spec).square().mean() for mix in mixtures]
    return float(torch.stack(powers).mean().sqrt()) or 1.0  # digital silence is not scaled


@contextmanager
def _quiet() -> Iterator[None]:
    # Lightning advertises, gives tips, and warns about intended settings.
    talkers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
