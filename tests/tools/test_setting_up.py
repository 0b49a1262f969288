"""`tools/venv.sh` and `tools/install.sh`: each thing that a machine may lack is one line."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFUSED = "Retrying (Retry(total=0, connect=None)) after connection broken by "


def put(path: Path, script: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def run(script: str, tmp_path: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run a script of tools/ in a folder where it may write; no Python but `env`'s is found."""
    path = tmp_path / "bin"
    path.mkdir(exist_ok=True)
    for name in ("awk", "cut", "df", "rm", "sh", "tail"):
        if not (path / name).exists():
            (path / name).symlink_to(Path("/usr/bin") / name)
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / script), *arguments], cwd=tmp_path, capture_output=True,
        text=True, check=False, env={"PATH": str(path), **env},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def python(tmp_path: Path, version: str, otherwise: str) -> str:
    """A Python of a version that does nothing but what is said; returns its path."""
    script = f'case "$*" in *version_info*) echo {version} ;; *) {otherwise} ;; esac'
    return str(put(tmp_path / "a python" / "python3", script))


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_a_python_that_does_not_fit_is_named(version: str, tmp_path: Path) -> None:
    found = python(tmp_path, version, "exit 0")
    code, _, said = run("venv.sh", tmp_path, ".venv", PYTHON=found)
    assert code == 1 and said.count("\n") == 1
    assert f"got no Python 3.11 to 3.13 ({found} is {version}), expected one" in said


def test_no_python_at_all(tmp_path: Path) -> None:
    code, _, said = run("venv.sh", tmp_path, ".venv")
    assert code == 1 and said.count("\n") == 1
    assert "got no Python 3.11 to 3.13, expected one" in said and "make PYTHON=" in said


def test_a_python_without_venv_says_which_package_has_it(tmp_path: Path) -> None:
    found = python(tmp_path, "3.12", "exit 1")
    code, _, said = run("venv.sh", tmp_path, ".venv", PYTHON=found)
    assert code == 1 and said.count("\n") == 1
    assert "got Python 3.12 without its venv module" in said
    assert "apt-get install python3.12-venv" in said


def test_another_python_with_venv_is_taken(tmp_path: Path) -> None:
    found = python(tmp_path, "3.12", "exit 1")
    put(tmp_path / "bin" / "python3.11", f'exec "{sys.executable}" "$@"')
    put(tmp_path / "bin" / "python3.13", "echo 3.10")
    code, _, said = run("venv.sh", tmp_path, "an environment", PYTHON=found)
    assert (code, said) == (0, "")
    assert (tmp_path / "an environment" / "bin" / "activate").exists()


def test_an_environment_that_fails_half_way_is_not_kept(tmp_path: Path) -> None:
    fails = "case $* in *ensurepip*) ;; *) mkdir .venv; echo 'no pip'; exit 1 ;; esac"
    found = python(tmp_path, "3.11", fails)
    code, _, said = run("venv.sh", tmp_path, ".venv", PYTHON=found)
    assert code == 1 and said.count("\n") == 1 and "(no pip)" in said
    assert not (tmp_path / ".venv").exists()


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    put(tmp_path / "bin" / "df", "echo head; echo none 1 1 22000 1 /")
    code, _, said = run("venv.sh", tmp_path, ".venv", PYTHON=sys.executable)
    assert code == 1 and said.count("\n") == 1
    assert "got 22 MB of free disk for .venv, expected 1000 MB" in said
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("pip", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "got a full disk below"),
        (f"{REFUSED}ProxyError('Cannot connect to proxy.')", "got no answer from the proxy"),
        (f"{REFUSED}NewConnectionError", "got no answer from the package index"),
    ],
)
def test_what_keeps_pip_from_installing_is_one_line(pip: str, message: str, tmp_path: Path) -> None:
    put(tmp_path / ".venv" / "bin" / "pip", f'echo "{pip}" >&2; exit 1')
    code, _, said = run("install.sh", tmp_path, ".venv", "--editable", ".")
    assert code == 1 and said.count("\n") == 1 and message in said


def test_what_else_pip_says_is_passed_on(tmp_path: Path) -> None:
    retried = "Retry(total=4) after connection broken"  # which went well then
    put(tmp_path / ".venv" / "bin" / "pip", f'echo "{retried}"; echo "ERROR: other" >&2; exit 1')
    code, _, said = run("install.sh", tmp_path, ".venv", "--editable", ".")
    assert code == 1 and said.splitlines()[:2] == [retried, "ERROR: other"]
    assert "got the above from pip" in said.splitlines()[2]


def test_pip_gets_the_constraints_and_every_argument(tmp_path: Path) -> None:
    put(tmp_path / ".venv" / "bin" / "pip", 'printf "%s\\n" "$@" >said')
    assert run("install.sh", tmp_path, ".venv", "--editable", ".[demo,report]")[0] == 0
    words = (tmp_path / "said").read_text().splitlines()
    assert words[0] == "install" and words[-2:] == ["--editable", ".[demo,report]"]
    assert words[words.index("--constraint") + 1] == "constraints.txt"
