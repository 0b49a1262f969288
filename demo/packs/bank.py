"""The parts that installed packs play in a song, drawn from a separate random stream."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from demo.dsp import Audio
from demo.packs.catalogue import Pack
from demo.packs.kits import play_kit, read_kits
from demo.packs.production import DOUBLED_SHARE, double_track
from demo.packs.strums import are_chords, play_strums
from demo.packs.takes import play_take
from demo.score import Note
from demo.soundfont import SoundFont, load_font
from demo.splits import Palette, Rng

KIT_SHARE = 0.5  # of songs, if a kit is installed
Player = Callable[[Pack, tuple[Note, ...], int, Rng], Audio]
# Kinds of pack that replace instruments: how, which ones, and in what share of the parts; strums
# only where a part consists of chords.
PLAYERS: dict[str, tuple[Player, frozenset[str], float]] = {
    "strums": (play_strums, frozenset({"acoustic", "nylon", "clean"}), 0.5),
    "takes": (play_take, frozenset({"overdriven", "muted"}), 0.5),
}
Part = Callable[[tuple[Note, ...], int], Audio]  # (notes, n) -> stereo (2, n), at any level


@dataclass(frozen=True)
class Bank:
    """The packs available to a song.

    Recordings are for training songs only: test songs keep their synthesised kits and guitars, and
    their own programs of the SoundFonts.
    """

    packs: tuple[Pack, ...]
    palette: Palette
    rng: Rng

    def draw_font(self) -> SoundFont | None:
        """The SoundFont of the song; None if no pack is a SoundFont."""
        pack = self._draw("soundfont")
        if pack:
            self.palette.choices["soundfont"] = pack.name
        return load_font(pack.find_files()[0]) if pack else None

    def draw_kit(self) -> Part | None:
        """The player of recorded drums; None if the drums are synthesised."""
        kits = read_kits(self.packs) if self.palette.split == "train" else ()
        if not kits or self.rng.random() >= KIT_SHARE:
            return None
        kit = kits[int(self.rng.integers(len(kits)))]
        self.palette.choices["drums.kit"] = kit.name
        return lambda notes, n: play_kit(kit, notes, n, self.palette, self.rng)

    def draw_part(self, name: str, instrument: str, notes: tuple[Note, ...]) -> Part | None:
        """The player that replaces an instrument in a part; None if the instrument plays it."""
        for kind, (play, instruments, share) in PLAYERS.items():
            if instrument not in instruments or self.palette.split != "train":
                continue
            if kind == "strums" and not are_chords(notes):
                continue
            pack = self._draw(kind)
            if pack and self.rng.random() < share:
                self.palette.choices[f"{name}.pack"] = pack.name
                return partial(_play, play, pack, self.rng)
        return None

    def double(self, track: Audio) -> Audio:
        """A guitar's track, in some songs double-tracked. Shape: (2, n) -> the same."""
        return double_track(track, self.rng) if self.rng.random() < DOUBLED_SHARE else track

    def _draw(self, kind: str) -> Pack | None:
        packs = [pack for pack in self.packs if pack.kind == kind]
        return packs[int(self.rng.integers(len(packs)))] if packs else None


def _play(play: Player, pack: Pack, rng: Rng, notes: tuple[Note, ...], n: int) -> Audio:
    return play(pack, notes, n, rng)
