"""Validation, export of the best network and checkpoints, after every round of steps."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from typing_extensions import override

from training.config import targets
from training.curve import Curve
from training.module import SeparatorModule
from training.rounds import ends_step
from training.songs import Song
from training.validation import TorchNetwork, score_song

log = logging.getLogger(__name__)
BEST = "best.ckpt"

Export = Callable[[SeparatorModule, float], None]  # (module, score in dB)


class KeepBest(Callback):
    """Keeps the network with the highest validation SDR, and the training state after every round.

    The last checkpoint is written at the very end: a run that is killed before that repeats the
    round, which makes up for anything missing.
    """

    def __init__(
        self, songs: Sequence[Song], source: str, *, folder: Path, export: Export, patience: int,
        run: Mapping[str, Any], curve: Curve, warm: bool = False,
    ) -> None:  # fmt: skip
        """Checkpoints, which identify the `run`, are written to `folder`; see last_checkpoint.

        Scores are added to the run's `curve`. A `warm` run must beat the weights it starts from.
        After `patience` validations without improvement the training ends; 0: never.
        """
        self._songs = songs
        self._source = source
        self._folder = folder
        self._export = export
        self._patience = patience
        self._run = run
        self._curve = curve
        self._warm = warm
        self._names = [song.name for song in songs]
        self._scored = self._names  # the songs on which `best` was measured
        self.best = -math.inf  # dB
        self._waited = 0  # validations since the best

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score a warm run before its first step, or what is kept on songs that have changed."""
        assert isinstance(pl_module, SeparatorModule)
        if self._warm and trainer.global_step == 0:
            self.best = _mean(self._validate(trainer, pl_module, pl_module.finished()))
            log.info("%s begins at SDR %.3f dB", self._source, self.best)
        elif self._scored != self._names:
            kept = self._kept(pl_module).finished()
            self.best, self._waited = _mean(self._validate(trainer, pl_module, kept)), 0
            told = "%s: other songs for validation; on them the best has SDR %.3f dB"
            log.info(told, self._source, self.best)
        self._stop_in_time(trainer)  # a resumed run may be finished

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Validate and save at the end of a round; raises OutputError or NetworkError.

        Epoch hooks are not used, since Lightning resumes a checkpoint made there one batch off.
        """
        assert isinstance(pl_module, SeparatorModule)
        step, config = trainer.global_step, pl_module.config
        due = step % config.validate_every == 0 or step == config.steps
        if due and ends_step(trainer, batch_idx):
            self._validate_and_keep(trainer, pl_module)

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Record in the checkpoint which run it belongs to."""
        checkpoint["run"] = dict(self._run)

    @override
    def state_dict(self) -> dict[str, Any]:
        """The state that a resumed run needs."""
        return {"best": self.best, "waited": self._waited, "songs": self._names}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.best, self._waited = state_dict["best"], state_dict["waited"]
        self._scored = state_dict.get("songs", self._names)  # older checkpoints have none

    def _validate_and_keep(self, trainer: Trainer, module: SeparatorModule) -> None:
        network = module.finished()
        scores = self._validate(trainer, module, network)
        score = _mean(scores)
        better = score > self.best
        self._waited = 0 if better else self._waited + 1
        self.best = max(self.best, score)
        step = trainer.global_step
        for logger in trainer.loggers:
            logger.log_metrics({"sdr": score}, step)
        if trainer.is_global_zero:
            word = "the best so far" if better else f"best {self.best:.3f}"
            log.info("%s step %d: SDR %.3f dB, %s", self._source, step, score, word)
            self._curve.add(step, "sdr", score)
            if len(scores) > 1:
                log.info("%s", ", ".join(f"{name} {sdr:.3f}" for name, sdr in scores.items()))
                for name, sdr in scores.items():
                    self._curve.add(step, f"sdr {name}", sdr)
        if better:
            if trainer.is_global_zero:
                self._export(module, score)
            trainer.save_checkpoint(self._folder / BEST)
        trainer.save_checkpoint(last_checkpoint(self._folder))
        self._stop_in_time(trainer)

    def _stop_in_time(self, trainer: Trainer) -> None:
        if self._patience and self._waited >= self._patience:
            trainer.should_stop = True

    def _kept(self, module: SeparatorModule) -> SeparatorModule:
        # The best network; that of the checkpoint where none was better than a warm start.
        path = self._folder / BEST
        if not path.exists():
            return module
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        kept = SeparatorModule(module.config, scale=1.0)
        kept.load_state_dict(checkpoint["state_dict"])
        return kept.to(module.device)

    def _validate(
        self, trainer: Trainer, module: SeparatorModule, net: nn.Module
    ) -> dict[str, float]:
        """The mean SDR of each source; the songs are divided among the processes."""
        spec = module.config.stft(module.config.frames)
        network = TorchNetwork(net, spec, module.device, sources=len(targets(self._source)))
        mine = self._songs[trainer.global_rank :: trainer.world_size]
        first = module.config.first_bin
        scores = [score_song(network, spec, self._source, song, first_bin=first) for song in mine]
        means = {}
        for name in targets(self._source):
            found = [score[name] for score in scores if name in score]
            sums = torch.tensor([math.fsum(found), len(found)], device=module.device)
            total, count = trainer.strategy.reduce(sums, reduce_op="sum").tolist()
            means[name] = float(total / count)
        return means


def _mean(scores: Mapping[str, float]) -> float:
    return math.fsum(scores.values()) / len(scores)


def last_checkpoint(folder: Path) -> Path:
    """The checkpoint that a run in this folder resumes from."""
    return folder / "last.ckpt"
