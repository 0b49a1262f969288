"""A server that is stopped or killed, and its successor."""

import io
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import soundfile as sf

from benchmarks.page_server import ROOT, serving
from tests.mdx.cli.kit import RATE, write_song
from tests.tiny import noise


def long_song(seed: int) -> bytes:
    """A song of noise that takes a while."""
    buffer = io.BytesIO()
    sf.write(buffer, noise(40 * RATE, seed=seed).T, RATE, format="WAV")
    return buffer.getvalue()


def is_alive(pid: int) -> bool:
    """Whether a process is running and not a zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_songs_and_queue_survive_a_killed_server(tiny_system: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    short = write_song(tmp_path / "short.wav", RATE).read_bytes()
    with serving(tiny_system, folder) as first:
        done = first.separate(short, "done.wav")["id"]
        stem = first.get(f"/api/jobs/{done}/stem/bass")
        working = first.send(long_song(1), "working.wav")
        queued = first.send(short, "queued.wav")
        never = first.reserve(100, "never.wav")
        first.wait(working, ("working",))
        workers = first.workers
        first.stop(signal.SIGKILL)
        end = time.monotonic() + 30
        while any(map(is_alive, workers)) and time.monotonic() < end:
            time.sleep(0.05)
        assert workers and not any(map(is_alive, workers))  # workers end with their server
    with serving(tiny_system, folder) as second:
        assert second.get(f"/api/jobs/{done}/stem/bass") == stem
        assert second.wait(working)["state"] == "done"
        assert second.wait(queued)["state"] == "done"
        assert "server that stopped" in second.jobs()[never]["error"]
        assert list(second.jobs()) == [done, working, queued, never]
        assert second.ask("DELETE", "/api/jobs")[0] == 204
        assert second.jobs() == {}
        assert second.stop(signal.SIGTERM) == 143
    assert not list((folder / "songs").iterdir()) and not list((folder / "jobs").iterdir())


def serve(*options: object) -> "subprocess.CompletedProcess[str]":
    """Run `mdx serve` in a case in which it cannot start."""
    return subprocess.run(
        [sys.executable, "-m", "mdx", "serve", *map(str, options)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_one_line_says_why_it_cannot_start(tiny_system: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = serve("--port", port, "--system", tiny_system, "--folder", tmp_path / "a")
    assert found.returncode == 1 and found.stderr.count("\n") == 1
    assert f"address 127.0.0.1:{port}: got Address already in use" in found.stderr
    with (
        serving(tiny_system, tmp_path / "folder") as server,
        socket.create_connection(("127.0.0.1", server.port)) as page,
    ):
        found = serve("--port", 0, "--system", tiny_system, "--folder", tmp_path / "folder")
        assert "a folder that another mdx serve has" in found.stderr and found.returncode == 1
        page.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert page.recv(4096)
        assert server.stop(signal.SIGTERM) == 143  # an open page does not delay it
        assert "continues with the songs" in server.process.stdout.read()  # type: ignore[union-attr]


@pytest.mark.parametrize(("options", "told"), [
    (("--host", "nowhere.invalid"), "address nowhere.invalid:"),
    (("--host", "203.0.113.9"), "address 203.0.113.9:"),
    (("--port", "70000"), "--port: got 70000"),
    (("--keep", "0"), "--keep: got 0"),
    (("--min-free", "nan"), "--min-free: got nan"),
    (("--token", "short"), "--token: got 5 characters"),
    (("--limit", "soon"), "--limit: got 'soon'"),
    (("--system", "demucs_v2"), "no weights here"),
    (("--precision", "int8"), "precision 'int8'"),
])  # fmt: skip
def test_invalid_options(
    tiny_system: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    options: tuple[str, str], told: str,
) -> None:  # fmt: skip
    from mdx.cli.main import main

    assert main(["serve", "--system", str(tiny_system), "--folder", str(tmp_path), *options]) == 1
    captured = capfd.readouterr()
    assert told in captured.err and captured.err.count("\n") == captured.err.count("error: ") + (
        "served to the network" in captured.err
    )


def test_without_a_home_a_folder_must_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mdx.cli.main import main

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert main(["serve", "--port", "0"]) == 1
    assert capsys.readouterr().err == (
        "error: folder: got no home folder, expected a place for songs and stems; "
        "--folder names one\n"
    )


def test_a_name_that_looks_like_loopback_may_lead_anywhere() -> None:
    from mdx.serve.guard import is_loopback

    hosts = ["localhost", "127.0.0.1", "127.9.9.9", "::1", "127.example.org", "0.0.0.0", "::"]
    assert [host for host in hosts if is_loopback(host)] == hosts[:4]


def test_the_printed_address_contains_the_token_as_it_is() -> None:
    from mdx.serve.run import addresses, bind

    token = "correct+horse&battery#staple %3D"
    with bind("127.0.0.1", 0) as listener:
        (address,) = addresses(listener, token)
    assert parse_qs(urlsplit(address).query) == {"token": [token]}


def test_answers_do_not_wait_for_nagle() -> None:
    from mdx.serve.run import bind

    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # by which asyncio knows
