"""Training songs in a device's memory, where examples are cut, mixed and augmented."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mdx.errors import ConfigError
from mdx.systems.spec import SOURCES
from training.config import targets
from training.data_config import DataConfig
from training.examples import Examples, Part, Place
from training.filters import Section, response
from training.songs import FULL_SCALE, Song, Stems, to_int16

BLOCK = 1024  # samples per mean level


class ResidentExamples(Examples):
    """The same examples as in Examples, made on a device.

    Differences: float32 rounding, resampling in the frequency domain, and quiet parts, which are
    detected in blocks.
    """

    def __init__(
        self, songs: Sequence[Song], source: str, data: DataConfig, *,
        chunk: int, count: int, seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        """Copy all stems of all songs to the device: 16 bits per sample, 42 MB per minute.

        Raises AudioError if they cannot be read, ConfigError if `data` requests pitch shift or time
        stretch, which need the CPU.
        """
        super().__init__(songs, source, data, chunk=chunk, count=count, seed=seed)
        if data.semitones or data.stretch:
            raise ConfigError(
                "data", got=f"semitones {data.semitones:g}, stretch {data.stretch:g}",
                expected="0 with --resident; speed and training.augment do without",
            )  # fmt: skip
        self._device = device
        self._held: dict[tuple[str, str], Tensor] = {}
        self._levels: dict[tuple[str, str], npt.NDArray[np.float64]] = {}  # cumulative sums
        stems = Stems(mapped=False)  # each file is read once
        for song in songs:
            for stem in SOURCES:
                content = to_int16(stems.read(song, stem, 0, song.samples))
                self._held[song.name, stem] = torch.from_numpy(content).to(device)
                self._levels[song.name, stem] = _summed_levels(content)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """As in Examples, on the device."""
        parts = zip(SOURCES, self.draw(index), strict=True)
        stems = {source: self._on_device(source, part) for source, part in parts}
        wanted = [stems[source] for source in targets(self._source)]
        return torch.stack(list(stems.values())).sum(dim=0), (
            torch.stack(wanted) if len(wanted) > 1 else wanted[0]
        )

    def _loudness(self, source: str, place: Place) -> float:
        summed = self._levels[place.song.name, source]
        first = min(place.start // BLOCK, len(summed) - 2)
        last = min(len(summed) - 1, first + max(1, self._chunk // BLOCK))
        return float((summed[last] - summed[first]) / (last - first))

    def _on_device(self, source: str, part: Part) -> Tensor:
        # Shape: (2, chunk)
        place = part.place
        samples = self._needed(place.tempo, place.speed)
        stem = self._held[place.song.name, source][:, place.start : place.start + samples]
        stem = stem.float() / FULL_SCALE
        if stem.shape[1] < samples:
            stem = torch.nn.functional.pad(stem, (0, samples - stem.shape[1]))
        if part.filters or samples != self._chunk:
            stem = change_spectrum(stem, self._chunk, part.filters)
        if part.swap:
            stem = stem.flip(0)
        if part.stereo != Part.stereo:
            stem = torch.tensor(part.stereo, device=stem.device) @ stem
        stem = stem * part.gain
        return stem + self._on_device(source, part.layer) if part.layer else stem


def change_spectrum(stem: Tensor, samples: int, filters: Sequence[Section]) -> Tensor:
    """Resample to `samples` samples, and apply the filters.

    Uses the discrete Fourier transform, which treats a signal as periodic. Shape: (2, n) -> (2,
    samples)
    """
    held = stem.shape[1]
    spectrum = torch.fft.rfft(stem) * (samples / held)
    bins = samples // 2 + 1
    spectrum = torch.nn.functional.pad(spectrum, (0, max(0, bins - spectrum.shape[1])))[:, :bins]
    if filters:
        turns = torch.arange(bins, device=stem.device) * (-2 * torch.pi / samples)
        spectrum = spectrum * response(filters, torch.polar(torch.ones_like(turns), turns))
    found: Tensor = torch.fft.irfft(spectrum, n=samples)
    return found


class Batches(Dataset[tuple[Tensor, Tensor]]):
    """Whole batches of examples, collated on the device."""

    def __init__(self, examples: ResidentExamples, size: int) -> None:
        """Batches of `size` examples; an incomplete last batch is dropped."""
        self._examples = examples
        self._size = size

    def __len__(self) -> int:
        return len(self._examples) // self._size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Shape: (size, 2, chunk), and (size, 2, chunk) or (size, 4, 2, chunk)."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        first = index * self._size
        pairs = [self._examples[number] for number in range(first, first + self._size)]
        return torch.stack([mix for mix, _ in pairs]), torch.stack([wanted for _, wanted in pairs])


def _summed_levels(content: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    # Cumulative sums of the blocks' mean absolute values. Shape: (2, n) -> (blocks + 1)
    whole = max(1, content.shape[1] // BLOCK)
    blocks = np.array_split(np.abs(content.astype(np.float32)).mean(axis=0), whole)
    means = np.array([block.mean() for block in blocks]) / FULL_SCALE
    return np.concatenate([[0.0], np.cumsum(means)])
