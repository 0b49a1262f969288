"""Syllables spoken by the program espeak-ng, if it is installed."""

import io
import shutil
import subprocess
import wave

import numpy as np
from scipy import signal

from demo.dsp import Audio
from demo.errors import DemoError
from demo.singer.phonemes import CONSONANTS, parse

COMMAND = "espeak-ng"
RATE = 22050  # Hz, sample rate of the program's output
PACE, PITCH = "110", "15"  # slow, for long vowels; low, since dense partials show the formants
_SECONDS = 20.0  # timeout of the program
_SOUND = "a WAV of mono 16-bit sound"

# Several names of one speaker, and nearly identical voices, belong to the same split.
VARIANTS: dict[str, tuple[str, ...]] = {
    "train": (
        "m1", "m2", "m3", "m5", "m6", "m8", "f1", "f2", "f4", "Alex", "Alicia", "Andy", "Annie",
        "Denis", "Gene", "Gene2", "Jacky", "Lee", "Mario", "Michael",
        "Nguyen", "adam", "anika", "antonio", "aunty", "benjamin", "boris", "caleb", "ed",
        "edward", "edward2", "gustave", "iven", "iven2", "iven3", "iven4", "john", "linda", "max",
        "norbert", "paul", "pedro", "quincy", "rob", "robert", "sandro", "steph",
        "steph2", "steph3", "travis", "zac",
    ),
    "test": (
        "m4", "m7", "f3", "f5", "Andrea", "Diogo", "Henrique", "Hugo", "Marco", "Mike", "belinda",
        "david", "marcelo", "michel", "miguel", "pablo", "shelby", "victor",
    ),
}  # fmt: skip

# The program has different vowels in each language, but nearly the same consonants in all.
_VOWELS: dict[str, dict[str, str]] = {
    "en-us": {
        "i": "i:", "I": "I", "E": "E", "&": "a", "A": "A:", "O": "O:", "U": "U", "u": "u:",
        "V": "V", "@": "@", "3": "3:", "a.I": "aI", "e.I": "eI", "o.U": "oU", "a.U": "aU",
        "O.I": "OI",
    },
    "it": {
        "a": "a", "e": "e", "o": "o", "i.e": "ie", "u.e": "ue", "a.i": "ai", "e.i": "ei",
        "o.u": "ou", "i.a": "ia", "i.o": "io", "u.o": "uo", "u.a": "ua",
    },
    "de": {"y": "y:", "2": "Y:", "9": "W", "O.y": "OY"},
    "fr": {"a~": "A~", "o~": "O~", "e~": "E~"},
    "pt": {"i~": "i~", "u~": "u~", "e~.i": "e~i~", "a~.u": "&~u~"},
}  # fmt: skip
_SPEAKS = {vowel: (voice, name) for voice, row in _VOWELS.items() for vowel, name in row.items()}
_CONSONANTS = {symbol: symbol for symbol in CONSONANTS} | {
    "ph": "p", "th": "t", "kh": "k", "nj": "n^", "lj": "l^", "4": "*", "rr": "R",
    "R": "Q\"", "r": "r-", "ts": "ts",
}  # fmt: skip


def mnemonics(text: str) -> tuple[str, str]:
    """The language and the phoneme names that make the program speak a syllable.

    Args:
        text: "onset-vowels-coda" in the symbols of `phonemes`.
    """
    onset, vowels, coda = parse(text)
    language, nucleus = _SPEAKS[".".join(vowels)]
    before, after = ("".join(_CONSONANTS[x] for x in part) for part in (onset, coda))
    return language, f"{before}'{nucleus}{after}"


def find_program() -> str:
    """The path of the program. Raises DemoError if it is missing."""
    program = shutil.which(COMMAND)
    if program is None:
        raise DemoError("--espeak", got=f"no program {COMMAND} on the PATH", expected="it to speak",
                        hint=f"install the package {COMMAND}")  # fmt: skip
    return program


def speak(text: str, variant: str) -> Audio:
    """A syllable spoken by the program, at RATE and without silent ends. Shape: (n,).

    Raises DemoError if the program is missing, fails, or writes no sound.

    Args:
        text: "onset-vowels-coda" in the symbols of `phonemes`.
        variant: one of VARIANTS.
    """
    program = find_program()
    language, phonemes = mnemonics(text)
    voice = f"{language}+{variant}"
    options = ("-v", voice, "-s", PACE, "-p", PITCH, "--stdout", f"[[{phonemes}]]")
    try:
        done = subprocess.run([program, *options], capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoError(f"{COMMAND} -v {voice}", got=error, expected=_SOUND) from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        got = f"exit code {done.returncode}: {said}"
        raise DemoError(f"{COMMAND} -v {voice}", got=got, expected=_SOUND)
    return _trimmed(_read(done.stdout, voice))


def _read(data: bytes, voice: str) -> Audio:
    """The samples of a WAV file whose header may state a wrong length."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                got = f"{file.getnchannels()} channels of {8 * file.getsampwidth()} bits"
                raise DemoError(f"{COMMAND} -v {voice}", got=got, expected=_SOUND)
            rate = file.getframerate()
            x = np.frombuffer(file.readframes(len(data) // 2), dtype="<i2") / 32768
    except (EOFError, wave.Error) as error:
        got = f"no WAV file ({error})"
        raise DemoError(f"{COMMAND} -v {voice}", got=got, expected=_SOUND) from error
    if not x.any():
        raise DemoError(f"{COMMAND} -v {voice}", got="silence", expected=_SOUND)
    out: Audio = x if rate == RATE else signal.resample_poly(x, RATE, rate)
    return out


def _trimmed(x: Audio) -> Audio:
    """`x` without the parts at either end that are 45 dB below its loudest 10 ms."""
    size = RATE // 100
    power = np.convolve(x**2, np.ones(size), "same")
    loud = np.flatnonzero(power > 10**-4.5 * power.max())
    return x[loud[0] : loud[-1] + 1]
