"""Songs with packs: the recorded parts, the facts about them, and unchanged songs without."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE
from demo.packs.bank import Bank
from demo.packs.catalogue import Pack
from demo.packs.kits import read_kits
from demo.packs.production import draw_cut
from demo.render import Request, render_song
from demo.score import Note
from demo.splits import Palette
from demo.write import write_songs
from tests.demo.packs.kit import make_pack

SECONDS = 2.0
CHORD = tuple(Note(0.0, 1.0, pitch, 0.8) for pitch in (48, 52, 55))
# SHA-256 of the facts of the song below: they record every draw, but no sound.
DRAWN = "e07c4fe9b84f3e9a732434d8d46efed99c17017e0c6b77446cb72b3c0db82cb3"


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pack, ...]:
    """A drum pack with the files of a real kit, strums, and a take."""
    root = tmp_path_factory.mktemp("packs")
    empty = make_pack(root / "sonic_pi", "drums", {})
    files = {name: 300.0 for kit in read_kits((empty,)) for names in kit.pieces.values()
             for name in names}  # fmt: skip
    drums = make_pack(root / "sonic_pi", "drums", files)
    strums = make_pack(root / "strums", "strums", {
        f"{chord}{way}_00.flac": 200.0 for chord in ("Cmajor", "Aminor") for way in ("_UP", "_DOWN")
    })  # fmt: skip
    return drums, strums, make_pack(root / "takes", "takes", {"a.flac": 500.0})


def test_recordings_play_some_drums_and_guitars_of_training_songs(packs: tuple[Pack, ...]) -> None:
    bank = Bank(packs, Palette("train", np.random.default_rng(0)), np.random.default_rng(0))
    parts = {
        kind: [bank.draw_part(f"{kind}.{number}", kind, CHORD) for number in range(100)]
        for kind in ("acoustic", "overdriven", "piano")
    }
    played = {kind: np.mean([part is not None for part in found]) for kind, found in parts.items()}
    assert 0.3 < played["acoustic"] < 0.7 and 0.3 < played["overdriven"] < 0.7
    assert played["piano"] == 0
    chosen = bank.palette.choices
    assert {chosen.get(f"acoustic.{number}.pack") for number in range(100)} == {None, "strums"}
    assert {chosen.get(f"overdriven.{number}.pack") for number in range(100)} == {None, "takes"}
    kits = [bank.draw_kit() for _ in range(100)]
    assert 0.3 < np.mean([kit is not None for kit in kits]) < 0.7


def test_strums_play_no_arpeggios(packs: tuple[Pack, ...]) -> None:
    bank = Bank(packs, Palette("train", np.random.default_rng(0)), np.random.default_rng(0))
    arpeggio = tuple(replace(note, start=0.2 * i) for i, note in enumerate((*CHORD, *CHORD)))
    both = (*CHORD, *(replace(note, start=note.start + 5) for note in arpeggio))  # mostly single
    for number in range(50):
        assert bank.draw_part(f"{number}", "acoustic", arpeggio) is None
        assert bank.draw_part(f"{number}", "clean", both) is None
    assert any(bank.draw_part(f"{number}", "overdriven", arpeggio) for number in range(50))


def test_test_songs_have_no_recordings(packs: tuple[Pack, ...]) -> None:
    bank = Bank(packs, Palette("test", np.random.default_rng(0)), np.random.default_rng(0))
    for number in range(50):
        assert bank.draw_kit() is None and bank.draw_part(f"{number}", "acoustic", CHORD) is None
    assert bank.palette.choices == {}


def test_songs_with_recordings_are_whole(packs: tuple[Pack, ...]) -> None:
    kinds = set()
    for index in range(4):
        stems, facts = render_song(Request("train", index, SECONDS, 3, packs=packs))
        assert all(stem.shape == (2, round(SECONDS * SAMPLE_RATE)) for stem in stems.values())
        assert np.abs(stems["drums"]).max() > 1000, "int16: anybody hears it"
        kinds.add(facts["drums"])
    assert "recorded" in kinds


def test_a_song_tells_its_packs_and_is_replaced_by_one_without(
    packs: tuple[Pack, ...], tmp_path: Path
) -> None:
    with_packs = Request("train", 1, 2.0, 5, packs=packs)
    (track,) = write_songs(tmp_path, [with_packs])
    facts = json.loads((track / "song.json").read_text())
    assert facts["packs"] == {pack.name: pack.sha256 for pack in packs}
    assert facts["attribution"] == [pack.attribution for pack in packs]
    before = (track / "mixture.wav").read_bytes()
    list(write_songs(tmp_path, [with_packs]))
    assert (track / "mixture.wav").read_bytes() == before
    list(write_songs(tmp_path, [Request("train", 1, 2.0, 5)]))
    assert "packs" not in json.loads((track / "song.json").read_text())
    assert (track / "mixture.wav").read_bytes() != before


def test_the_same_packs_give_the_same_song(packs: tuple[Pack, ...]) -> None:
    one, again = (render_song(Request("train", 1, 2.0, 3, packs=packs)) for _ in range(2))
    assert one[1] == again[1]
    for stem in one[0]:
        np.testing.assert_array_equal(one[0][stem], again[0][stem])


def test_what_songs_without_packs_draw_is_what_it_was_before_there_were_any() -> None:
    _, facts = render_song(Request("train", 7, 2.0, 11))
    told = json.dumps(facts, sort_keys=True)
    assert hashlib.sha256(told.encode()).hexdigest() == DRAWN


def test_codecs_cut_half_of_the_songs() -> None:
    cuts = [draw_cut(np.random.default_rng(seed)) for seed in range(200)]
    assert 0.4 < np.mean([cut is None for cut in cuts]) < 0.6
    assert {11000.0, 16000.0} < {cut for cut in cuts if cut}
