"""No telemetry: the command's system calls, traced by strace."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mdx.runtimes.openvino
from tests.mdx.cli.kit import RATE, write_song

ROOT = Path(__file__).resolve().parent.parent
CALLS = "socket,connect,sendto,open,openat,creat,mkdir,mkdirat,rename,renameat2,symlink,link"
# Not the network: the kernel, and other processes of this machine.
LOCAL = re.compile(r"socket\((AF_UNIX|AF_LOCAL|AF_NETLINK)")
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|^\S*\s*(mkdir|rename|creat|symlink|link)")
verified_cache = pytest.mark.skipif(
    not hasattr(mdx.runtimes.openvino, "compiled_cache"), reason="OpenVINO's cache is not verified"
)


def environment(home: Path | None, **more: object) -> dict[str, str]:
    """The environment with another home folder, or none."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if key not in ("HOME", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY", "CI")
    }
    home_of = {} if home is None else {"HOME": str(home)}
    return inherited | home_of | {key: str(value) for key, value in more.items()}


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_no_address_is_looked_up_and_no_stray_file_written(tmp_path: Path, precision: str) -> None:
    song, out, trace = tmp_path / "song.mp3", tmp_path / "out", tmp_path / "trace"
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    for folder in (home, temporary):
        folder.mkdir()
    write_song(song, 3 * RATE)
    child = subprocess.run(
        ["strace", "-f", "-qq", "-s", "200", "-e", f"trace={CALLS}", "-o", trace,
         sys.executable, "-B", "-m", "mdx", "separate", song, "-o", out, "--format", "flac",
         "--precision", precision],
        cwd=ROOT, env=environment(home, TMPDIR=temporary), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert len(list(out.rglob("*.flac"))) == 4
    calls = [
        line for line in trace.read_text(errors="replace").splitlines() if "ENOENT" not in line
    ]
    assert len(calls) > 100
    sockets = [line for line in calls if "socket(" in line or "inet_addr" in line]
    assert not [line for line in sockets if not LOCAL.search(line)]
    allowed = (str(out), str(temporary), str(home / ".cache" / "mdx"), "/dev/")
    for line in calls:
        if WRITES.search(line) and "O_DIRECTORY" not in line:
            for path in re.findall(r'"([^"]*)"', line):
                known = path.startswith(allowed) or str(home / ".cache" / "mdx").startswith(path)
                assert known or path.startswith("/proc/self"), line
    assert {path.name for path in home.iterdir()} <= {".cache"}
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("precision", ["float32", pytest.param("int8", marks=verified_cache)])
@pytest.mark.parametrize("cache", [None, "/proc/nowhere"])
def test_without_a_home_a_user_or_a_cache(
    tiny_system: Path, tmp_path: Path, precision: str, cache: str | None
) -> None:
    script = (
        "import pwd, sys\n"
        "def nobody(number): raise KeyError(number)\n"
        "pwd.getpwuid = nobody\n"
        "from mdx.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    song = write_song(tmp_path / "song.wav", RATE)
    more = {} if cache is None else {"XDG_CACHE_HOME": cache}
    child = subprocess.run(
        [sys.executable, "-c", script, "separate", song, "-o", tmp_path / "out",
         "--precision", precision, "--runtime", "auto"],
        cwd=ROOT, env=environment(None, **more), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert "Traceback" not in child.stderr
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 4


def test_telemetry_is_off_for_the_library_too() -> None:
    script = (
        "import os, sys, mdx\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment(Path("/")), check=False
    )
    assert child.returncode == 0
