#!/usr/bin/env python3
"""Measures what docs/BENCHMARKS.md shows and prints it as markdown, with the commands that were run.

    cargo build --release --workspace
    loadtest/bench.py                      # everything, median of 5 runs: about half an hour
    loadtest/bench.py --part latency       # one part; may be given several times
    loadtest/bench.py --runs 1 --seconds 4 # a quick look

Each run starts a fresh server, pinned to one core, with the bots on another. Nothing else should run meanwhile. The part
"loss" needs root (see lossy_link.py) and is left out without it. Needs nothing but Python and the two binaries.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
HOST_BEHIND_LINK = "10.78.0.1"
MISSING = 77


class Failed(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


class Server:
    """A fresh server on its own core, with an empty data folder."""

    # As many from one address as a benchmark needs; everything else as it comes.
    LIMITS = {"AIRBOAT_LIMITS_CONNECTIONS_PER_ADDRESS": "100000", "AIRBOAT_LIMITS_MAX_CONNECTIONS": "100000",
              "AIRBOAT_LIMITS_SESSIONS_MAX": "100000", "AIRBOAT_LIMITS_ROOMS_MAX": "10000"}

    def __init__(self, bench, modules=None):
        self.folder = tempfile.mkdtemp(prefix="airboat-bench-")
        command = ["taskset", "-c", bench.server_core, bench.airboat, "--port", bench.port,
                   "--data", os.path.join(self.folder, "data"), "--certs", os.path.join(self.folder, "certs"),
                   "--modules", modules or os.path.join(ROOT, "modules")]
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.url = f"http://127.0.0.1:{bench.port}"
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **self.LIMITS})
        self.pid = self.process.pid

    def __enter__(self):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=1):
                    return self
            except OSError:
                time.sleep(0.05)
        self.log.seek(0)
        text = self.log.read()[-600:]
        self.__exit__()
        raise Failed("the server did not start: " + text)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def histogram(self, name):
        """Upper edges in seconds and how many lie below each."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=5) as page:
            text = page.read().decode()
        found = re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\d+)', text, re.M)
        return [(float(edge.replace("+Inf", "inf")), int(count)) for edge, count in found]


class Lateness(threading.Thread):
    """Looks at the lateness of ticks twice a second, so that the window can be cut out afterwards."""

    NAME = "airboat_room_tick_lateness_seconds"

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.samples, self.stop = server, [], threading.Event()

    def run(self):
        while not self.stop.wait(0.5):
            try:
                self.samples.append((time.monotonic(), self.server.histogram(self.NAME)))
            except OSError:
                pass

    def p99_ms(self, since, until):
        inside = [histogram for at, histogram in self.samples if since <= at <= until]
        if len(inside) < 2:
            return None
        counts = [(edge, after - before) for (edge, after), (_, before) in zip(inside[-1], inside[0])]
        wanted, edge_before, count_before = 0.99 * counts[-1][1], 0.0, 0
        for edge, count in counts:
            if count >= wanted:
                if edge == float("inf"):
                    return edge_before * 1e3
                inside_bucket = (wanted - count_before) / max(count - count_before, 1)
                return (edge_before + (edge - edge_before) * inside_bucket) * 1e3
            edge_before, count_before = edge, count
        return None


class Bench:
    def __init__(self, args):
        self.runs, self.seconds, self.port = args.runs, args.seconds, str(args.port)
        self.server_core, self.bot_core = args.server_core, args.bot_core
        self.airboat = os.path.join(args.binaries, "airboat")
        self.loadtest = os.path.join(args.binaries, "airboat-loadtest")
        self.steps = [int(step) for step in args.steps.split(",")]
        self.commands = []
        for binary in (self.airboat, self.loadtest):
            if not os.access(binary, os.X_OK):
                raise Failed(f"{binary} is missing: cargo build --release --workspace")

    def note(self, command):
        if command not in self.commands:
            self.commands.append(command)

    def ask(self, command, tolerate=(0, 1)):
        """Runs to the end; the last line is JSON. 1 means errors were found, which stand in the figures."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode == MISSING:
            return None
        if done.returncode not in tolerate:
            raise Failed(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
        if done.returncode:
            say("  " + "; ".join(done.stderr.strip().splitlines()[:3]))
        return json.loads(done.stdout.strip().splitlines()[-1])

    def play(self, transport, rooms, *extra, players=8, modules=None, link=None, warmup=3):
        """One run against a fresh server: the loadtest's figures, and the p99 of the ticks' lateness."""
        with Server(self, modules) as server:
            url = f"http://{HOST_BEHIND_LINK}:{self.port}" if link else server.url
            words = ["--transport", transport, "--rooms", str(rooms), "--players", str(players),
                     "--seconds", str(self.seconds), "--warmup", str(warmup), *extra]
            command = ["taskset", "-c", self.bot_core, self.loadtest, "--url", url, "--pid", str(server.pid), *words]
            shown = f"taskset -c {self.bot_core} airboat-loadtest {' '.join(words)} --pid PID"
            if link:
                command = [sys.executable, os.path.join(HERE, "lossy_link.py"), *link, "--core", self.bot_core, "--", *command]
                shown = f"loadtest/lossy_link.py {' '.join(link)} -- {shown} --url {url}"
            self.note(shown)
            lateness = Lateness(server)
            lateness.start()
            figures = self.ask(command)
            ended = time.monotonic()
            lateness.stop.set()
            lateness.join()
            if figures is not None:
                figures["tick_lateness_ms_p99"] = lateness.p99_ms(ended - self.seconds - 1, ended - 1)
            return figures

    def median(self, what, *args, runs=None, **more):
        """The median of each figure over the runs; errors are summed, for one is one too many."""
        all_figures = []
        for run in range(runs or self.runs):
            figures = self.play(*args, **more)
            if figures is None:
                return None
            all_figures.append(figures)
            say(f"{what}, run {run + 1}: {short(figures)}")
        return merge(all_figures)


def merge(all_figures):
    merged = {}
    for key, value in all_figures[0].items():
        values = [figures[key] for figures in all_figures]
        if key == "errors":
            merged[key] = sum(values)
        elif isinstance(value, bool):
            merged[key] = any(values)
        elif isinstance(value, dict):
            merged[key] = merge(values) if all(isinstance(v, dict) for v in values) else value
        elif isinstance(value, (int, float)):
            known = [v for v in values if v is not None]
            merged[key] = statistics.median(known)
        else:
            merged[key] = value
    return merged


def short(figures):
    return (f"input to state {pair(figures['latency_ms'])}, age {pair(figures['state_age_ms'])}, "
            f"{figures['snapshots_per_player_s']:.1f} snapshots, {figures['inputs_applied_per_player_s']:.1f} inputs, "
            f"{figures['server_cpu_us_per_player_s']} µs, tick late {number(figures['tick_lateness_ms_p99'], 2)} ms, "
            f"{figures['errors']} errors" + (", bots limit" if figures["bot_limited"] else ""))


def number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def pair(percentiles, digits=1):
    return f"{number(percentiles['p50'], digits)} / {number(percentiles['p99'], digits)}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def columns(names, figures, rows):
    """One column for each of `figures`, one row for each (title, function)."""
    return table(["", *names], [[title, *(get(f) for f in figures)] for title, get in rows])


COMMON = [
    ("snapshots/s, inputs applied/s a player",
     lambda f: f"{f['snapshots_per_player_s']:.1f}, {f['inputs_applied_per_player_s']:.1f}"),
    ("bots were the bottleneck", lambda f: "yes" if f["bot_limited"] else "no"),
    ("errors of the oracles", lambda f: f["errors"]),
]


def latency(bench):
    """Paced and unpaced, 80 players."""
    names, figures = [], []
    for transport in ("websocket", "quic", "webtransport", "http"):
        for extra in ([], ["--unpaced"]) if transport in ("websocket", "quic") else ([],):
            paced = " unpaced" if extra or transport == "http" else ""
            names.append(transport + paced)
            figures.append(bench.median(names[-1], transport, 10, *extra))
    return columns(names, figures, [
        ("input to state, ms, p50 / p99", lambda f: pair(f["latency_ms"])),
        ("age of state, ms, p50 / p99", lambda f: pair(f["state_age_ms"])),
        ("inputs early by, ms, p50 / p99", lambda f: pair(f["slack_ms"])),
        ("late inputs, ticks without, %", lambda f: f"{f['late_percent']:.2f}, {f['substituted_percent']:.2f}"),
        ("received, B/s a player", lambda f: number(f["rx_bytes_per_player_s"], 0)),
        ("server CPU, µs a player-second", lambda f: number(f["server_cpu_us_per_player_s"], 0)),
        ("server memory, peak, MB", lambda f: number(f["server_rss_mb_peak"])),
        *COMMON,
    ])


def cpu(bench):
    """400 players, beside the floor of the same run."""
    names = ("websocket", "quic", "webtransport")
    figures = [bench.median(f"{name}, 400 players", name, 50, "--floor") for name in names]
    floor = lambda f: number((f["floor"] or {}).get("server_cpu_us_per_connection_s"), 0)
    return columns(names, figures, [
        ("server CPU, µs a player-second", lambda f: number(f["server_cpu_us_per_player_s"], 0)),
        ("floor, µs a connection-second", floor),
        ("server / floor", lambda f: number(f["times_floor"], 2)),
        ("input to state, ms, p50 / p99", lambda f: pair(f["latency_ms"])),
        ("tick lateness, ms, p99", lambda f: number(f["tick_lateness_ms_p99"], 2)),
        *COMMON,
    ])


def capacity(bench):
    """More and more players on one core, until ticks run late. One run a step."""
    rows = []
    for transport in ("websocket", "quic"):
        for players in bench.steps:
            try:
                f = bench.median(f"{transport}, {players} players", transport, -(-players // 8), "--unpaced", "--checked", "10", runs=1)
            except Failed as failed:
                say(f"{transport}, {players} players: {failed}")
                rows.append([transport, players, "failed", "", "", "", ""])
                break
            late = f["tick_lateness_ms_p99"]
            rows.append([transport, players, number(late, 2), number(f["server_cpu_us_per_player_s"], 0),
                         f"{f['snapshots_per_player_s']:.1f}, {f['inputs_applied_per_player_s']:.1f}",
                         "yes" if f["bot_limited"] else "no", f["errors"]])
            if late is not None and late > 20 or f["snapshots_per_player_s"] < 25:
                break
    return table(["", "players", "tick lateness, ms, p99", "CPU, µs a player-second", "snapshots/s, inputs/s",
                  "bots the bottleneck", "errors"], rows)


def at_60_hz(folder):
    """The modules with tank8 at 60 ticks a second; its bots read the rate from the schema."""
    modules = os.path.join(folder, "modules")
    shutil.copytree(os.path.join(ROOT, "modules"), modules)
    main = os.path.join(modules, "tank8", "main.lua")
    with open(main) as file:
        text = file.read()
    faster = text.replace("tick_rate = 30", "tick_rate = 60")
    if faster == text:
        raise Failed("modules/tank8/main.lua has no tick_rate = 30 any more")
    with open(main, "w") as file:
        file.write(faster)
    return modules


def loss(bench):
    """Age of the state through a link of 25 ms each way, lossless and with 5 % lost, at 30 and 60 Hz."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="airboat-bench-") as folder:
        for hz, modules in ((30, None), (60, at_60_hz(folder))):
            for transport in ("quic", "websocket"):
                ages = []
                for percent in ("0", "5"):
                    link = ["--delay", "25", "--loss", percent]
                    figures = bench.median(f"{transport}, {hz} Hz, {percent} % lost", transport, 2, modules=modules, link=link)
                    if figures is None:
                        return "Left out: lossy_link.py needs root, iproute2 and /dev/net/tun."
                    ages.append(figures)
                clean, lossy = ages
                ratio = lossy["state_age_ms"]["p99"] / clean["state_age_ms"]["p99"]
                rows.append([f"{transport}, {hz} Hz", pair(clean["state_age_ms"]), pair(lossy["state_age_ms"]), f"{ratio:.2f}",
                             pair(lossy["latency_ms"]), clean["errors"] + lossy["errors"]])
    return table(["", "age of state, ms, p50 / p99, lossless", "5 % lost", "p99, ratio", "input to state at 5 %, ms",
                  "errors"], rows)


def memory(bench):
    """What an idle session costs."""
    rows = []
    for transport in ("websocket", "quic", "webtransport", "http"):
        found = []
        for _ in range(bench.runs):
            with Server(bench) as server:
                words = ["idle", "--transport", transport, "--sessions", "500"]
                bench.note(f"airboat-loadtest {' '.join(words)} --pid PID")
                found.append(bench.ask(["taskset", "-c", bench.bot_core, bench.loadtest, *words, "--url", server.url,
                                        "--pid", str(server.pid)])["server_kb_per_session"])
        say(f"idle {transport}: {found}")
        rows.append([transport, number(statistics.median(found))])
    return table(["", "kB an idle session"], rows) + "\n\nRooms: `cargo bench --bench rooms`."


PARTS = {"latency": latency, "cpu": cpu, "capacity": capacity, "loss": loss, "memory": memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--port", type=int, default=7791)
    parser.add_argument("--server-core", default="0")
    parser.add_argument("--bot-core", default="1")
    parser.add_argument("--binaries", default=os.path.join(ROOT, "target", "release"), help="folder of the two binaries")
    parser.add_argument("--steps", default="400,800,1200,1600,2000,2500,3000", help="players in the part capacity")
    args = parser.parse_args()
    try:
        bench = Bench(args)
        for part in args.part or PARTS:
            bench.commands.clear()
            title = PARTS[part].__doc__
            print(f"\n## {part}\n\n{title}\n\n{PARTS[part](bench)}\n", flush=True)
            print("\n".join(f"    {command}" for command in ["taskset -c " + args.server_core + " airboat", *bench.commands]))
    except (Failed, subprocess.TimeoutExpired) as failed:
        say(f"bench.py: {failed}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
