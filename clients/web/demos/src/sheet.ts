// Drawings kept as pictures. Without a graphics card a path of curves costs many times what a picture of it does, turned or
// not; so what looks the same in many frames is drawn once.

type Context = CanvasRenderingContext2D;

/** Pictures are kept finer than they are shown, for they are turned. */
const FINER = 1.5;
const FINEST = 4;
const MOST = 400;

export class Sheet {
  readonly #kept = new Map<string, HTMLCanvasElement>();
  #fine = 1;

  /** Another scale or another theme: all is drawn anew. `scale`: device pixels to a unit. */
  reset(scale: number): void {
    this.#fine = Math.min(FINEST, Math.max(1, scale * FINER));
    this.#kept.clear();
  }

  /** Draws what `paint` paints around the origin, `w` to the left and right of it and `h` above and below. */
  draw(c: Context, key: string, w: number, h: number, paint: (c: Context) => void): void {
    let picture = this.#kept.get(key);
    if (!picture) {
      picture = document.createElement("canvas");
      picture.width = Math.ceil(w * 2 * this.#fine);
      picture.height = Math.ceil(h * 2 * this.#fine);
      const g = picture.getContext("2d")!;
      g.scale(picture.width / (w * 2), picture.height / (h * 2));
      g.translate(w, h);
      paint(g);
      if (this.#kept.size >= MOST) this.#kept.clear();
      this.#kept.set(key, picture);
    }
    c.drawImage(picture, -w, -h, w * 2, h * 2);
  }
}
