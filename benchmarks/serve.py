"""`python -m benchmarks.serve`: latency, size and memory of `mdx serve`.

python -m benchmarks.serve latency --song SONG     drop to sound, against `mdx separate`
python -m benchmarks.serve page                    bytes of the page, time until it can be used
python -m benchmarks.serve soak --songs 200        a queue with broken and cancelled songs, and
                                                   workers that are killed
python -m benchmarks.serve requests --requests 10000
"""

import argparse
import http.client
import io
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.command import errors_in_one_line
from benchmarks.page_server import FINISHED, ROOT, serving
from mdx.systems.find import DEFAULT_SYSTEM
from mdx.systems.spec import SAMPLE_RATE


def resident(pid: int) -> float:
    """MB of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found[1]) * 1024 / 1e6 if found else 0.0  # its kB are of 1024 bytes


def measure_latency(song: Path, times: int) -> None:
    """Print seconds from drop to samples of all stems, and of `mdx separate`, in alternation."""
    content = song.read_bytes()
    page, command = [], []
    folder = tempfile.TemporaryDirectory()
    with folder as work, serving(DEFAULT_SYSTEM, Path(work, "folder")) as server:
        server.separate(content, song.name)  # warms up the worker, as for most songs
        for _ in range(times):
            started = time.perf_counter()
            job = server.separate(content, song.name)
            for stem in job["stems"]:
                path = f"/api/jobs/{job['id']}/samples/stem/{stem}?start=0&count={SAMPLE_RATE}"
                assert len(server.get(path)) == 4 * SAMPLE_RATE
            page.append(time.perf_counter() - started)
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "mdx", "separate", "--quiet", "-o", work, str(song)],
                cwd=ROOT, check=True,
            )  # fmt: skip
            command.append(time.perf_counter() - started)
    seconds = sf.info(song).duration
    print(f"a song of {seconds:.0f} s, {times} times in turns, medians:")
    print(f"  drop to first sound  {statistics.median(page):6.2f} s")
    print(f"  mdx separate         {statistics.median(command):6.2f} s")


def measure_page() -> None:
    """Print the bytes of the page and what a browser measures of it."""
    with tempfile.TemporaryDirectory() as work, serving("demo", Path(work, "folder")) as server:
        html = server.get("/")
        names = sorted(set(re.findall(r'"/page/([\w.-]+)"', html.decode())))
        sizes = [len(server.get(f"/page/{name}")) for name in names]
        print(f"{len(names) + 1} files, {(len(html) + sum(sizes)) / 1000:.1f} kB")
        for label, value in _browse(f"http://localhost:{server.port}/", Path(work)).items():
            print(f"  {label:28} {value:6.0f} ms")


def _browse(address: str, work: Path) -> dict[str, float]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", f"--user-data-dir={work / 'profile'}",
    ):  # fmt: skip
        options.add_argument(flag)
    service = Service(executable_path=str(shutil.which("chromedriver")))
    browser = webdriver.Chrome(options=options, service=service)
    found: list[dict[str, float]] = []
    try:
        for _ in range(5):
            browser.get(address)
            found.append(browser.execute_script("""
                while (!document.querySelector('#system').value)
                  await new Promise(requestAnimationFrame);
                const [it] = performance.getEntriesByType('navigation');
                const [paint] = performance.getEntriesByName('first-contentful-paint');
                return {'first paint': paint?.startTime ?? 0, 'interactive': it.domInteractive,
                        'scripts have run': it.domContentLoadedEventEnd};
                """))  # fmt: skip
    finally:
        browser.quit()
    return {key: statistics.median(it[key] for it in found) for key in found[0]}


def soak(songs: int, seconds: float) -> None:
    """Print the outcome of a queue with broken and cancelled songs and killed workers."""
    rng = np.random.default_rng(0)
    broken = set(range(5, songs, max(1, songs // 20)))
    cancelled = set(range(8, songs, max(1, songs // 10))) - broken
    kills = {songs // 4, songs // 2, 3 * songs // 4}
    with tempfile.TemporaryDirectory() as work, serving("demo", Path(work, "folder")) as server:
        first = server.separate(_noise(rng, seconds), "first.wav")
        assert first["state"] == "done"
        before = resident(server.process.pid), resident(server.workers[0])
        jobs = []
        started = time.perf_counter()
        for number in range(songs):
            content = b"no audio " * 999 if number in broken else _noise(rng, seconds)
            jobs.append(server.send(content, f"{number}.wav"))
            if number in cancelled:
                server.ask("POST", f"/api/jobs/{jobs[-1]}/cancel")
        seen: set[int] = set()
        while True:
            states = Counter(job["state"] for job in server.jobs().values())
            ended = sum(states[state] for state in FINISHED)
            for number in kills - seen:
                if ended > number and states["working"] and server.workers:
                    os.kill(server.workers[0], 9)
                    seen.add(number)
            if ended == songs + 1:
                break
            time.sleep(0.2)
        spent = time.perf_counter() - started
        extra = server.separate(_noise(rng, seconds), "last.wav")
        assert extra["state"] == "done"
        after = resident(server.process.pid), resident(server.workers[0])
        print(f"{songs} songs of {seconds:g} s in {spent:.0f} s: {dict(states)}")
        print(f"  broken {len(broken)}, cancelled {len(cancelled)}, workers killed {len(seen)}")
        for label, index in (("server", 0), ("worker", 1)):
            print(f"  {label}: {before[index]:.0f} MB before, {after[index]:.0f} MB after")


def _noise(rng: np.random.Generator, seconds: float) -> bytes:
    buffer = io.BytesIO()
    audio = rng.uniform(-0.5, 0.5, (int(seconds * SAMPLE_RATE), 2))
    sf.write(buffer, audio, SAMPLE_RATE, format="WAV")
    return buffer.getvalue()


def hammer(requests: int) -> None:
    """Print the time and memory of many requests, half of which are refused."""
    with tempfile.TemporaryDirectory() as work, serving("demo", Path(work, "folder")) as server:
        before = resident(server.process.pid)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        states: Counter[int] = Counter()
        started = time.perf_counter()
        for number in range(requests):
            headers = {"Origin": "http://elsewhere.example"} if number % 2 else {}
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            answer.read()
            states[answer.status] += 1
        spent = time.perf_counter() - started
        print(f"{requests} requests in {spent:.1f} s: {dict(states)}")
        print(f"  server: {before:.0f} MB before, {resident(server.process.pid):.0f} MB after")


def main() -> None:
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serve", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=("latency", "page", "soak", "requests"))
    parser.add_argument("--song", type=Path, help="of latency")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--songs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each song of the soak")
    parser.add_argument("--requests", type=int, default=10_000)
    args = parser.parse_args()
    if args.what == "latency":
        if args.song is None:
            parser.error("latency needs --song")
        measure_latency(args.song, args.times)
    elif args.what == "page":
        measure_page()
    elif args.what == "soak":
        soak(args.songs, args.seconds)
    elif args.what == "requests":
        hammer(args.requests)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
