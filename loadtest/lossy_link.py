#!/usr/bin/env python3
"""A bad network between this host and a network namespace, below TCP and UDP alike.

    lossy_link.py --delay 25 --jitter 4 --loss 5 -- airboat-loadtest --url http://10.78.0.1:7777 --transport quic

Makes a namespace, joins it to the host by two TUN devices (host 10.78.0.1, namespace 10.78.0.2), and hands every packet
over DELAY ms later, up to JITTER ms more, without reordering; LOSS percent are dropped, each way. A COMMAND runs inside
the namespace; when it ends everything is removed and its exit status returned. Without one it relays until interrupted.

Whoever serves must listen on the host's address or on all. Needs root, iproute2 and /dev/net/tun; where they are missing it
says so and exits with 77. `airboat-loadtest --delay --jitter --loss` needs none of them, but cannot lose TCP segments.
"""

import argparse
import fcntl
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque

MISSING = 77
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_MAX = 65535


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay", type=float, default=0, help="one way, ms")
    parser.add_argument("--jitter", type=float, default=0, help="at most this much more, ms")
    parser.add_argument("--loss", type=float, default=0, help="percent, each way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--netns", default=f"airboat-{os.getpid()}", help="name of the namespace")
    parser.add_argument("--subnet", default="10.78.0", help="first three numbers of the addresses")
    parser.add_argument("--core", type=int, help="runs the relay on this core")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    parsed = parser.parse_args()
    if parsed.command[:1] == ["--"]:
        del parsed.command[0]
    return parsed


def missing():
    """Why this cannot work here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    try:
        subprocess.run(["ip", "-V"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "needs iproute2"
    return None


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Way:
    """One direction: packets with the time at which each goes on. It never falls below the one before, so a queue does."""

    def __init__(self, args, seed, out):
        self.rng = random.Random(seed)
        self.delay, self.jitter, self.loss = args.delay / 1e3, args.jitter / 1e3, args.loss / 100
        self.out = out
        self.waiting = deque()
        self.due = 0.0
        self.passed = self.dropped = 0

    def take(self, packet, now):
        if self.rng.random() < self.loss:
            self.dropped += 1
            return
        self.due = max(self.due, now + self.delay + self.rng.random() * self.jitter)
        self.waiting.append((self.due, packet))
        self.passed += 1

    def give(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            try:
                os.write(self.out, self.waiting.popleft()[1])
            except OSError:
                pass  # the other side is going down


class Link:
    def __init__(self, args):
        self.args = args
        tag = str(os.getpid() % 100_000)
        self.host_name, self.far_name = f"ab{tag}h", f"ab{tag}n"
        self.host, self.far = f"{args.subnet}.1", f"{args.subnet}.2"

    def __enter__(self):
        netns = self.args.netns
        ip("netns", "add", netns)
        try:
            here, there = self.device(self.host_name), self.device(self.far_name)
            ip("link", "set", self.far_name, "netns", netns)
            ip("addr", "add", f"{self.host}/30", "dev", self.host_name)
            ip("link", "set", self.host_name, "up")
            ip("-n", netns, "link", "set", "lo", "up")
            ip("-n", netns, "addr", "add", f"{self.far}/30", "dev", self.far_name)
            ip("-n", netns, "link", "set", self.far_name, "up")
        except BaseException:
            ip("netns", "del", netns)
            raise
        self.ways = {here: Way(self.args, self.args.seed * 2, there), there: Way(self.args, self.args.seed * 2 + 1, here)}
        return self

    def __exit__(self, *_):
        for descriptor in self.ways:
            os.close(descriptor)  # the devices go with their descriptors
        ip("netns", "del", self.args.netns)

    @staticmethod
    def device(name):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        return descriptor

    def relay_once(self):
        """Waits for a packet, or for the next one to be due, but not for long."""
        now = time.monotonic()
        next_due = min((way.waiting[0][0] for way in self.ways.values() if way.waiting), default=now + 0.2)
        readable, _, _ = select.select(list(self.ways), [], [], min(max(0.0, next_due - now), 0.2))
        for descriptor in readable:
            try:
                while True:
                    packet = os.read(descriptor, PACKET_MAX)
                    self.ways[descriptor].take(packet, time.monotonic())
            except BlockingIOError:
                pass
        now = time.monotonic()
        for way in self.ways.values():
            way.give(now)


def main():
    args = arguments()
    why = missing()
    if why:
        print(f"lossy_link.py: {why}: skipped", file=sys.stderr)
        return MISSING
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Link(args) as link:
        print(f"link up: host {link.host}, namespace {args.netns} {link.far}", file=sys.stderr, flush=True)
        child = None
        try:
            if args.command:
                child = subprocess.Popen(["ip", "netns", "exec", args.netns, *args.command])
            if args.core is not None:
                os.sched_setaffinity(0, {args.core})
            while child is None or child.poll() is None:
                link.relay_once()
        except KeyboardInterrupt:
            pass
        finally:
            if child is not None and child.poll() is None:
                child.terminate()
                child.wait()
        up, down = reversed(link.ways.values())
        print(f"passed {up.passed} up and {down.passed} down, dropped {up.dropped} and {down.dropped}", file=sys.stderr)
        return child.returncode if child else 0


if __name__ == "__main__":
    sys.exit(main())
