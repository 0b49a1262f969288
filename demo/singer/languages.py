"""Invented syllables that resemble a language: its sounds and their frequencies."""

from dataclasses import dataclass

import numpy as np

LANGUAGES: dict[str, tuple[str, ...]] = {
    "train": ("english", "english", "spanish", "german", "portuguese", "japanese", "la-la", "oh"),
    "test": ("italian", "french", "doo-wop"),
}


@dataclass(frozen=True)
class Language:
    """Weighted sounds, "symbol:weight"; "_" is none, and dots join the sounds of a cluster."""

    onsets: str
    vowels: str
    codas: str
    pool: int = 0  # distinct syllables in a song; 0: no limit


_TABLE = {
    "english": Language(
        onsets="_:6 D:6 th:6 s:6 w:5 h:5 m:5 l:5 b:5 n:5 kh:4 d:5 f:4 r:4 j:4 ph:3 g:3 S:2 v:1 T:2"
        " tS:1 dZ:1 s.t:3 s.p:1 s.k:1 th.r:1 g.r:1 k.r:1 p.l:1 b.r:1 b.l:1 f.r:1 f.l:1 s.l:1 s.w:1"
        " s.t.r:1 k.w:1",
        vowels="I:7 i:5 E:5 &:4 V:5 A:3 O:3 U:2 u:4 @:4 3:3 a.I:6 e.I:5 o.U:5 a.U:2 O.I:1",
        codas="_:14 n:6 t:6 d:4 z:4 s:3 l:4 r:3 m:3 N:3 k:3 v:2 n.d:3 s.t:2 n.t:1 l.d:1 t.s:1 S:1"
        " p:1 T:1 f:1 tS:1",
    ),
    "spanish": Language(
        onsets="_:6 k:6 t:5 d:5 s:5 p:4 m:5 n:4 l:6 b:4 4:5 rr:2 g:2 f:1 x:2 tS:1 lj:2 nj:1 t.4:2"
        " p.4:1 b.4:1 k.l:1 p.l:1 g.4:1",
        vowels="a:9 e:9 o:8 i:5 u:3 i.e:2 u.e:2 a.i:1 e.i:1",
        codas="_:20 s:5 n:4 4:3 l:2",
    ),
    "german": Language(
        onsets="?:4 d:5 z:4 g:4 v:4 n:4 m:4 h:4 b:4 f:4 l:4 R:3 th:3 kh:3 S:3 j:2 ts:3 S.t:3 S.p:2"
        " S.v:1 S.l:1 t.R:1 f.R:1 g.R:1 b.R:1 k.l:1 ph:2",
        vowels="i:5 I:4 e:4 E:5 a:7 o:3 O:4 u:3 U:3 y:2 2:1 9:1 @:6 a.I:4 a.U:2 O.y:1",
        codas="_:9 n:7 t:5 s:4 x:3 C:4 l:3 m:2 N:2 n.t:2 s.t:2 C.t:2 x.t:1 l.t:1 ts:1 f:1 k:2"
        " n.s:1",
    ),
    "portuguese": Language(
        onsets="_:6 d:5 k:5 s:5 t:4 p:4 m:5 n:4 v:3 l:4 4:4 R:2 S:2 Z:2 b:2 f:2 g:2 lj:1 nj:1 tS:1"
        " dZ:1 p.4:1 t.4:1",
        vowels="a:8 E:3 e:5 i:5 o:4 O:2 u:6 a~:3 e~.i:2 a~.u:3 o~:2 i~:1 u~:1 e.i:2 o.u:1",
        codas="_:22 S:4 4:1 l:1 s:2",
    ),
    "japanese": Language(
        onsets="_:6 k:7 t:6 n:6 s:5 m:5 4:5 h:3 S:4 tS:3 ts:2 w:2 j:3 d:3 g:3 b:2 z:1 dZ:1 f:1",
        vowels="a:9 i:6 u:5 e:6 o:8",
        codas="_:20 n:4",
    ),
    "italian": Language(
        onsets="_:5 k:6 t:6 d:5 s:5 p:5 m:5 n:4 l:5 4:5 rr:2 v:3 f:2 b:2 g:2 tS:2 dZ:2 lj:1 nj:1"
        " ts:1 S:1 s.t:2 k.w:1 p.4:1 t.4:1 g.4:1 s.p:1",
        vowels="a:10 e:6 E:4 o:7 O:4 i:8 u:2 i.a:1 i.o:1 u.o:1 a.i:1",
        codas="_:24 n:3 l:2 4:2 s:1",
    ),
    "french": Language(
        onsets="_:5 d:5 l:6 s:6 t:5 k:5 p:5 m:5 R:5 v:4 Z:4 n:3 f:3 S:2 b:3 g:2 z:2 t.R:2 p.l:1"
        " f.l:1 p.R:1 k.R:1 b.R:1",
        vowels="a:7 e:6 E:6 i:6 o:3 O:3 u:4 y:4 2:3 9:3 @:5 a~:5 o~:4 e~:3 u.a:2",
        codas="_:16 R:4 l:2 t:2 s:2 m:1 n:1 k:1 z:1 Z:1 t.R:1",
    ),
    "la-la": Language(onsets="l:8 n:4 d:3", vowels="a:8 e:1 i:1 u:2", codas="_:12 m:1", pool=2),
    "oh": Language(
        onsets="_:6 h:3 j:3 w:3 m:2 n:1",
        vowels="o:4 o.U:4 u:4 e.I:3 a:3 A:2 @:1",
        codas="_:10 m:2",
        pool=3,
    ),
    "doo-wop": Language(
        onsets="d:8 b:5 w:5 S:4 m:1 p:3 l:1 r:2",
        vowels="u:7 A:6 a:4 I:2 i:1 o:2",
        codas="_:14 p:4 m:3 n:2 N:1",
        pool=5,
    ),
}


def _draw(table: str, count: int, rng: np.random.Generator) -> list[str]:
    pairs = [item.rsplit(":", 1) for item in table.split()]
    weights = np.array([float(weight) for _, weight in pairs])
    picks = rng.choice(len(pairs), size=count, p=weights / weights.sum())
    return [pairs[k][0].replace("_", "") for k in picks]


def syllables(language: str, count: int, rng: np.random.Generator) -> list[str]:
    """Draw `count` syllables "onset-vowel-coda", with sounds joined by dots: "s.t-a.I-n"."""
    table = _TABLE[language]
    distinct = table.pool or count
    parts = (_draw(sounds, distinct, rng) for sounds in (table.onsets, table.vowels, table.codas))
    words = ["-".join(syllable) for syllable in zip(*parts, strict=True)]
    if not table.pool:
        return words
    return [words[k] for k in rng.integers(len(words), size=count)]
