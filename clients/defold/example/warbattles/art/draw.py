#!/usr/bin/env python3
"""Draws War Battles' pictures, seen from above and looking to the right. Needs nothing but Python.

    python3 draw.py        writes the PNG files beside it
    python3 draw.py check  says whether they are what it would write
"""

import math
import os
import random
import struct
import sys
import zlib

CLEAR = (0, 0, 0, 0)
SCALE = 4  # samples a pixel, each way


class Picture:
    def __init__(self, width, height, fill=CLEAR):
        self.width, self.height = width, height
        self.pixels = [[fill] * width for _ in range(height)]

    def put(self, x, y, colour):
        if 0 <= x < self.width and 0 <= y < self.height:
            under, alpha = self.pixels[y][x], colour[3] / 255
            left = 1 - alpha
            below = under[3] / 255 * left
            total = alpha + below
            if total > 0:
                mixed = [round((colour[i] * alpha + under[i] * below) / total) for i in range(3)]
                self.pixels[y][x] = (*mixed, round(total * 255))

    def shape(self, inside, colour, around=None):
        """Whatever `inside(x, y)` says is in it, with soft edges. `around`: left, top, right and bottom of it all."""
        left, top, right, bottom = around or (0, 0, self.width, self.height)
        for y in range(max(0, math.floor(top)), min(self.height, math.ceil(bottom))):
            for x in range(max(0, math.floor(left)), min(self.width, math.ceil(right))):
                hits = sum(
                    inside(x + (i + 0.5) / SCALE, y + (j + 0.5) / SCALE) for i in range(SCALE) for j in range(SCALE)
                )
                if hits:
                    self.put(x, y, (*colour[:3], round(colour[3] * hits / SCALE / SCALE)))

    def box(self, left, top, right, bottom, colour):
        self.shape(lambda x, y: left <= x < right and top <= y < bottom, colour, (left, top, right, bottom))

    def disc(self, cx, cy, radius, colour, flat=1.0):
        around = (cx - radius, cy - radius * flat, cx + radius, cy + radius * flat)
        self.shape(lambda x, y: math.hypot(x - cx, (y - cy) / flat) <= radius, colour, around)

    def blob(self, cx, cy, radius, colour, bumps, rough, chance):
        """A disc with an uneven edge."""
        edge = [1 - rough * chance.random() for _ in range(bumps)]

        def inside(x, y):
            turn = (math.atan2(y - cy, x - cx) / math.tau) % 1 * bumps
            a, b, t = edge[int(turn) % bumps], edge[(int(turn) + 1) % bumps], turn % 1
            t = t * t * (3 - 2 * t)
            return math.hypot(x - cx, y - cy) <= radius * (a + (b - a) * t)

        self.shape(inside, colour, (cx - radius, cy - radius, cx + radius, cy + radius))

    def speckle(self, colours, share, chance):
        for y in range(self.height):
            for x in range(self.width):
                if self.pixels[y][x][3] == 255 and chance.random() < share:
                    self.put(x, y, chance.choice(colours))

    def png(self):
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        rows = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in self.pixels)
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 6, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def rgb(text, alpha=255):
    return (int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16), alpha)


INK = rgb("1d2b26")
SHADE = rgb("16241c", 70)


def soldier(coat, light, stride):
    """Boots in front and behind by `stride`, the launcher on the right shoulder."""
    p = Picture(24, 24)
    p.disc(12, 13, 7.5, SHADE)
    for y, way in ((8.6, 1), (15.4, -1)):
        p.disc(12 + stride * way, y, 2.6, INK)
        p.disc(12 + stride * way, y, 1.7, rgb("4a3b2a"))
    p.disc(11.5, 12, 6.2, INK, 1.15)
    p.disc(11.5, 12, 5.2, coat, 1.15)
    p.box(9, 15.4, 22, 18.2, INK)
    p.box(10, 16, 21, 17.6, rgb("5c6a60"))
    p.disc(12, 12, 4.2, INK)
    p.disc(12, 12, 3.3, light)
    p.disc(13.2, 11.2, 1.3, (255, 255, 255, 90))
    return p


def tank():
    p = Picture(36, 28)
    p.box(4, 4, 33, 27, SHADE)
    for top in (2, 19):
        p.box(3, top, 31, top + 6, INK)
        for x in range(4, 30, 4):
            p.box(x, top + 1, x + 2.6, top + 5, rgb("4b5046"))
    p.box(4, 6.5, 30, 20.5, INK)
    p.box(5, 7.5, 29, 19.5, rgb("8a7a48"))
    p.box(5, 7.5, 29, 10, rgb("a39258"))
    p.box(20, 12.2, 35.5, 14.8, INK)
    p.box(20, 12.8, 35, 14.2, rgb("6f6238"))
    p.disc(16, 13.5, 6.2, INK)
    p.disc(16, 13.5, 5.2, rgb("9a8950"))
    p.disc(15, 12.4, 2.2, rgb("b7a56a"))
    return p


def rocket():
    p = Picture(16, 8)
    p.shape(lambda x, y: 0 <= x < 5 and abs(y - 4) < 2.2 * x / 5, rgb("ff9d2e"))
    p.shape(lambda x, y: 1 <= x < 5 and abs(y - 4) < 1.1 * (x - 1) / 4, rgb("fff1b0"))
    p.box(4, 2.4, 12, 5.6, INK)
    p.box(5, 3, 12, 5, rgb("dfe6e2"))
    p.shape(lambda x, y: 12 <= x < 15.6 and abs(y - 4) < 1.6 * (15.6 - x) / 3.6, rgb("c8382e"))
    return p


def shell():
    p = Picture(8, 8)
    p.disc(4, 4, 3, INK)
    p.disc(4, 4, 2.1, rgb("f3d37a"))
    return p


def explosion(frame, frames):
    chance = random.Random(40)
    p = Picture(48, 48)
    t = (frame + 1) / frames
    for _ in range(16):
        turn, far = chance.random() * math.tau, chance.random()
        x, y = 24 + math.cos(turn) * far * 20 * t, 24 + math.sin(turn) * far * 20 * t
        size = (3 + 6 * chance.random()) * (1 - t * t) + 1.5 * (1 - t)
        hot = t + far * 0.35
        colour = "fff3b8" if hot < 0.3 else "ffb43c" if hot < 0.55 else "d8552b" if hot < 0.8 else "5b5148"
        p.disc(x, y, size, rgb(colour, round(255 * (1 - t * 0.7))))
    return p


def smoke(frame, frames):
    p = Picture(16, 16)
    t = (frame + 1) / frames
    p.disc(8, 8, 2 + 5 * t, rgb("e9ece8", round(190 * (1 - t))))
    p.disc(8, 8, 1 + 3 * t, rgb("ffffff", round(120 * (1 - t))))
    return p


def tree():
    chance = random.Random(7)
    p = Picture(48, 48)
    p.blob(26, 28, 20, SHADE, 12, 0.2, chance)
    p.blob(24, 24, 20, rgb("22402a"), 12, 0.22, chance)
    p.blob(23, 23, 17, rgb("2f5a38"), 11, 0.25, chance)
    p.blob(21, 20, 11, rgb("427848"), 9, 0.3, chance)
    p.blob(19, 17, 5, rgb("5d9659"), 7, 0.3, chance)
    return p


def bush():
    chance = random.Random(9)
    p = Picture(24, 24)
    p.blob(13, 14, 9, SHADE, 9, 0.2, chance)
    p.blob(12, 12, 9, rgb("2c4c2b"), 9, 0.25, chance)
    p.blob(11, 11, 6.5, rgb("4b7740"), 8, 0.3, chance)
    p.disc(9, 9, 1.4, rgb("d9546a"))
    p.disc(13.5, 11.5, 1.2, rgb("e7c651"))
    return p


def pond():
    chance = random.Random(12)
    p = Picture(96, 96)
    p.blob(48, 48, 47, rgb("9c9465"), 14, 0.1, chance)
    p.blob(48, 48, 43, rgb("3d7a8c"), 14, 0.1, chance)
    p.blob(46, 45, 34, rgb("4b93a3"), 12, 0.15, chance)
    p.blob(40, 38, 14, rgb("6fb3bd"), 9, 0.3, chance)
    return p


def dirt():
    chance = random.Random(3)
    p = Picture(32, 32)
    p.blob(16, 16, 15, rgb("a98f5d", 120), 10, 0.3, chance)
    p.blob(16, 16, 10, rgb("b89c66", 120), 9, 0.3, chance)
    return p


def ground():
    """Grass, an eighth of the field each way; the game makes it as large as the field."""
    chance = random.Random(1)
    p = Picture(240, 180, rgb("7fa650"))
    for _ in range(90):
        x, y, size = chance.randrange(240), chance.randrange(180), chance.randrange(8, 26)
        p.blob(x, y, size, rgb(chance.choice(["77a04b", "87ad56", "7aa24e"]), 140), 9, 0.4, chance)
    p.speckle([rgb("8db55b"), rgb("71994a"), rgb("98bd66")], 0.06, chance)
    return p


def pictures():
    for side, coat, light in (("own", "2f6fb5", "7fb2e6"), ("other", "b5432f", "e69a7f")):
        for i, stride in enumerate((0, 3, 0, -3)):
            yield f"soldier_{side}_{i}", soldier(rgb(coat), rgb(light), stride)
    yield "tank", tank()
    yield "rocket", rocket()
    yield "shell", shell()
    for i in range(9):
        yield f"explosion_{i}", explosion(i, 9)
    for i in range(4):
        yield f"smoke_{i}", smoke(i, 4)
    yield "tree", tree()
    yield "bush", bush()
    yield "pond", pond()
    yield "dirt", dirt()
    yield "ground", ground()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    stale = []
    for name, picture in pictures():
        path = os.path.join(here, name + ".png")
        if sys.argv[1:] == ["check"]:
            # Compressors differ between versions of zlib; the pixels must not.
            with open(path, "rb") as file:
                if pixels(file.read()) != pixels(picture.png()):
                    stale.append(name)
        else:
            with open(path, "wb") as file:
                file.write(picture.png())
    if stale:
        sys.exit("not what draw.py writes: " + ", ".join(stale))


def pixels(png):
    """The rows of a PNG as `Picture.png` writes it."""
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += 12 + size
    return zlib.decompress(data)


main()
