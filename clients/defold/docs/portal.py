#!/usr/bin/env python3
"""Composes the Asset Portal's picture from War Battles' sprites: 900x600, WebP. Needs Pillow.

    python3 portal.py        writes airboat-thumb.webp beside it
"""

import math
import os

from PIL import Image, ImageDraw

HERE = os.path.dirname(os.path.abspath(__file__))
ART = os.path.join(HERE, "..", "example", "warbattles", "art")
SCENE, ZOOM = (300, 200), 3  # y down

GLYPHS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    " ": "00000 00000 00000 00000 00000 00000 00000",
}


def sprite(name):
    return Image.open(os.path.join(ART, name + ".png")).convert("RGBA")


def put(scene, name, x, y, degrees=0, scale=1.0):
    """With its middle at (x, y), turned counter-clockwise."""
    picture = sprite(name)
    if scale != 1.0:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.BICUBIC)
    if degrees:
        picture = picture.rotate(degrees, Image.BICUBIC, expand=True)
    scene.alpha_composite(picture, (round(x - picture.width / 2), round(y - picture.height / 2)))


def fire(scene, x, y, degrees, far):
    """A rocket on its way from (x, y), with its smoke behind it."""
    dx, dy = math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))
    for i in range(4):
        back = far - 8 - 9 * i
        put(scene, f"smoke_{i}", x + dx * back, y + dy * back)
    put(scene, "rocket", x + dx * far, y + dy * far, degrees)


def battle():
    scene = Image.new("RGBA", SCENE)
    ground = sprite("ground").resize((480, 360), Image.BICUBIC)
    scene.alpha_composite(ground.crop((90, 80, 90 + SCENE[0], 80 + SCENE[1])))
    for i in range(17):
        put(scene, "dirt", -10 + i * 20, 168 - 26 * math.sin(i / 4.2))
    put(scene, "pond", 52, 176, 20, 0.8)
    for x, y in ((96, 88), (282, 182), (150, 112), (24, 118)):
        put(scene, "bush", x, y)
    put(scene, "tank", 214, 139, 186)
    put(scene, "tank", 266, 108, 232)
    put(scene, "tank", 112, 142, 14)
    put(scene, "explosion_2", 268, 106, 0, 1.3)
    put(scene, "soldier_own_1", 160, 160, 38)
    put(scene, "soldier_other_1", 258, 166, 150)
    put(scene, "soldier_other_3", 42, 92, -30)
    fire(scene, 160, 160, 38, 66)
    fire(scene, 42, 92, -30, 44)
    put(scene, "shell", 190, 142)
    put(scene, "explosion_4", 152, 186)
    for x, y, scale in ((284, 76, 1.1), (12, 82, 1.0), (196, 90, 0.8), (100, 196, 0.9), (298, 140, 0.9)):
        put(scene, "tree", x, y, scale * 90, scale)
    return scene


def write(image, text, y, size, colour):
    """In the middle, in squares of `size` pixels."""
    draw = ImageDraw.Draw(image)
    left = (image.width - (len(text) * 6 - 1) * size) // 2
    for offset, ink in ((max(2, size // 3), (22, 36, 28)), (0, colour)):
        for i, letter in enumerate(text):
            for row, bits in enumerate(GLYPHS[letter].split()):
                for column, bit in enumerate(bits):
                    if bit == "1":
                        x, top = left + (i * 6 + column) * size + offset, y + row * size + offset
                        draw.rectangle((x, top, x + size - 1, top + size - 1), ink)


def main():
    image = battle().resize((SCENE[0] * ZOOM, SCENE[1] * ZOOM), Image.NEAREST).convert("RGB")
    shade = Image.new("RGB", (image.width, 200), (22, 36, 28))
    image.paste(Image.blend(image.crop((0, 0, image.width, 200)), shade, 0.72), (0, 0))
    write(image, "AIRBOAT", 38, 12, (255, 243, 184))
    write(image, "MULTIPLAYER FOR DEFOLD", 146, 4, (233, 236, 232))
    image.save(os.path.join(HERE, "airboat-thumb.webp"), quality=90, method=6)


main()
