"""The options of `mdx separate`: their effects and their errors."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from mdx.cli.about import DISTRIBUTION
from mdx.cli.main import main
from mdx.systems.find import DEFAULT_SYSTEM, find_system, system_names
from tests.mdx.cli.kit import run, write_song

ROOT = Path(__file__).resolve().parents[3]


def test_names_follow_the_template(tiny_system: Path, tmp_path: Path) -> None:
    write_song(tmp_path / "music" / "a" / "song.wav")
    options = ("-o", tmp_path / "out", "--name", "{folder}/{song} ({stem}, {system})")
    assert run(tiny_system, tmp_path / "music", *options, "--source", "bass") == 0
    assert (tmp_path / "out" / "a" / "song (bass, tiny).wav").is_file()


def test_quiet_says_nothing_and_verbose_no_less(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = [write_song(tmp_path / "a.wav"), write_song(tmp_path / "b.wav")]
    assert run(tiny_system, *songs, "-o", tmp_path / "out", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert run(tiny_system, *songs, "-o", tmp_path / "out", "--verbose") == 0
    assert logging.getLogger("mdx").level == logging.INFO
    assert "2 separated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "{song}"], "--name: got '{song}', expected {stem} in it"),
        (["--format", "flac", "--float32"], "format flac: got FLOAT, expected one of PCM_16"),
        (["--format", "mp3", "--int24"], "format mp3: got PCM_24, expected a lossless format"),
        (["--format", "mp3", "--bit-rate", "999"], "got 999 kbit/s, expected 32 to 320"),
        (
            ["--bit-rate", "128"],
            "format wav: got 128 kbit/s, expected a bit rate only with mp3",
        ),
        (["--source", "guitar"], "got the stem 'guitar', expected one of bass, drums"),
        (["--two-stems", "guitar"], "got the stem 'guitar', expected one of bass, drums"),
        (["--threads", "1000000"], "--threads: got 1000000, expected 1 to"),
        (["--threads", "0"], "--threads: got 0"),
        (["--list", "nosuch"], "list nosuch: got No such file"),
    ],
)
def test_invalid_options_are_one_line(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str],
    message: str,
) -> None:  # fmt: skip
    song = write_song(tmp_path / "song.wav")
    assert run(tiny_system, song, "-o", tmp_path / "out", *options) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}" if ":" in message else "error: ")
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("variable", "value"), [("MDX_SPEND_BUDGET", "maybe"), ("MDX_THREADS", "all")]
)
def test_an_invalid_variable_is_one_line(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, value)
    assert run(tiny_system, write_song(tmp_path / "song.wav"), "-o", tmp_path / "out") == 1
    assert capsys.readouterr().err.startswith(f"error: {variable}: got '{value}', expected")


def test_zero_switches_a_variable_off(
    tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = []
    for value in ("0", "", "no", "1"):
        monkeypatch.setenv("MDX_SPEND_BUDGET", value)
        assert run(tiny_system, write_song(tmp_path / "song.wav"), "-o", tmp_path) == 0
        outputs.append((tmp_path / "song" / "bass.wav").read_bytes())
    assert outputs[0] == outputs[1] == outputs[2] != outputs[3]


def test_the_systems_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    rows, notes = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert [line.split()[0] for line in rows[1:]] == system_names()
    told = {line.split()[0]: line for line in rows}
    four = "bass, drums, other, vocals  "
    assert four in told["demo"] and "  yes " in told["demo"] and " 5." in told["demo"]
    assert f"{four}fetch    111+  MUSDB18-HQ train; MUSDB18-HQ test; ..." in told["leaderboard_b"]
    assert "vocals, accompaniment       by hand        MUSDB18 train" in told["tfc_tdf_v1"]
    assert told["mmdensenet"].endswith(f"{four}none") and "unknown" not in "".join(rows)
    assert [line for line in rows if " * " in line] == [told[DEFAULT_SYSTEM]]
    assert notes[0] == "* the default" and "mdx systems NAME" in notes[-1]
    assert "mdx fetch NAME downloads the weights" in notes[1]


def test_one_system_is_described(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["systems", "leaderboard_b"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    spec, folder = find_system("leaderboard_b")
    words = " ".join(text.split())
    assert spec.description in words and spec.licence in words
    assert "; ".join(spec.training_data) in words and "leaderboard B" in words
    assert all(f"{file}: not here" in words or (folder / file).exists() for file in spec.files)
    assert main(["systems", "demo"]) == 0
    assert "demo/bass.onnx: here, 1.1 MB, python -m training separator" in capsys.readouterr().out
    assert main(["systems", str(tmp_path / "none.yaml")]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fetch", "describe", "evaluate"])
def test_the_other_commands_are_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0 and "usage:" in capsys.readouterr().out


def test_a_command_of_the_repository_that_a_wheel_lacks_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdx.cli.main.ELSEWHERE", {"evaluate": ("nosuch.run", "score stems")})
    assert main(["evaluate", "--songs", "x"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: mdx evaluate: got no nosuch here, expected it, to score stems")
    assert error.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_complete_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", shell])
    script = capsys.readouterr().out
    assert stop.value.code == 0 and "two-stems" in script and "evaluate" in script
    files = {"bash": "separate_pos_0_COMPGEN=_shtab_compgen_files", "zsh": "standard input:_files"}
    folders = {"bash": "__out_COMPGEN=_shtab_compgen_dirs", "zsh": "separated)]:FOLDER:_files -/"}
    assert files[shell] in script and folders[shell] in script


def test_a_shell_without_completion_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--print-completion", "bosh"]) == 1
    assert capsys.readouterr().err.startswith("error: --print-completion: got 'bosh', expected one")
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 1
    assert "got no shtab here, expected it, which writes the script" in capsys.readouterr().err


@pytest.mark.parametrize("name", [DISTRIBUTION, "no-such-distribution"])
def test_the_version_is_told(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdx.cli.about.DISTRIBUTION", name)
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    said = capsys.readouterr().out
    assert stop.value.code == 0 and said.startswith("mdx") and said.count("\n") == 1
    assert ("not installed" in said) is (name != DISTRIBUTION)


def test_nothing_slow_is_imported_before_it_is_needed() -> None:
    # Each of these would take longer than reading the command line.
    code = "import sys, predict, mdx.cli.main; mdx.cli.main.get_parser(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    slow = {"scipy", "openvino", "av", "shtab", "importlib.metadata", "tqdm", "torch", "numpy.f2py"}
    assert "numpy" in done.stdout.split() and not slow & set(done.stdout.split())


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MDX_SYSTEM", "demoo", "MDX_SYSTEM: system: got 'demoo', expected one of "),
        ("MDX_PRECISION", "int4", "MDX_PRECISION: got 'int4', expected one of float32, bf16"),
        ("MDX_RUNTIME", "tvm", "MDX_RUNTIME: got 'tvm', expected one of auto"),
        ("MDX_PROVIDER", "npu", "MDX_PROVIDER: got 'npu', expected one of cpu"),
    ],
)
def test_a_wrong_variable_is_named(
    variable: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, value)
    assert main(["separate", str(write_song(tmp_path / "song.wav")), "-o", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


def test_an_option_wins_over_its_variable(
    tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDX_SYSTEM", "nosuch")
    monkeypatch.setenv("MDX_PRECISION", "int4")
    song = write_song(tmp_path / "song.wav")
    assert run(tiny_system, song, "-o", tmp_path, "--precision", "float32") == 0


def test_a_misspelt_variable_is_a_warning(
    tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MDX_SYTEM", "demo")
    assert run(tiny_system, write_song(tmp_path / "song.wav"), "-o", tmp_path) == 0
    assert "MDX_SYTEM is not read; the variables are MDX_SYSTEM, " in capsys.readouterr().err


def test_a_song_in_place_of_a_command_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_song(tmp_path / "song.wav")
    with pytest.raises(SystemExit):
        main([str(song)])
    assert f"got '{song}', expected a command; mdx separate separates it" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    for name in ("separate", "systems", "serve"):  # as folders of songs may be called
        (tmp_path / name).mkdir()
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
    capsys.readouterr()
    assert main([]) == 2 and "mdx separate song.mp3" in capsys.readouterr().out


def test_a_file_as_the_output_folder_is_refused(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_song(tmp_path / "song.wav")
    assert run(tiny_system, song, "-o", song) == 1
    assert "--out: got" in capsys.readouterr().err and song.is_file()
