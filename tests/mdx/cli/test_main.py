"""The command `mdx`: what is said to words that it does not know."""

from pathlib import Path

import pytest

from mdx.cli.main import main


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("separate a.wav --formt flac",
         "mdx separate: error: got '--formt', expected an option of mdx separate; did you mean "
         "--format?"),
        ("separate a.wav --format=flac --presicion=int8",
         "mdx separate: error: got '--presicion=int8', expected an option of mdx separate; did you "
         "mean --precision?"),
        ("separate a.wav --what",
         "mdx separate: error: got '--what', expected an option of mdx separate; mdx separate "
         "--help lists them"),
        ("separate -lead.wav",
         "mdx separate: error: got '-lead.wav', expected an option of mdx separate; the file of "
         "that name is ./-lead.wav"),
        ("separate song.wav --out=",
         "mdx separate: error: argument -o/--out: got an empty name, expected a folder"),
        ("serve --folder=",
         "mdx serve: error: argument --folder: got an empty name, expected a folder"),
        ("systems demo synthetic",
         "mdx systems: error: got 'synthetic', expected nothing more; mdx systems --help shows its "
         "use"),
        ("serve song.wav",
         "mdx serve: error: got 'song.wav', expected nothing more; mdx serve --help shows its use"),
        ("song.wav", "mdx: error: got 'song.wav', expected a command; mdx separate separates it"),
    ],
)  # fmt: skip
def test_a_slip_is_answered_with_what_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    command: str, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("-lead.wav", "song.wav"):
        (tmp_path / name).touch()
    with pytest.raises(SystemExit) as ending:
        main(command.split())
    assert ending.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: {message.partition(':')[0]}")
    assert said.splitlines()[-1] == message
