// Keyboard and touch: directions, presses, and things that are held.

export type Move = (mx: number, my: number) => void;

/** What keys do besides steering, by `KeyboardEvent.code`. */
export interface Keys {
  /** Each -1, 0 or 1; y up. */
  move: Move;
  presses?: Record<string, () => void>;
  holds?: Record<string, (down: boolean) => void>;
}

const KEYS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0], KeyA: [-1, 0],
  ArrowRight: [1, 0], KeyD: [1, 0],
  ArrowUp: [0, 1], KeyW: [0, 1],
  ArrowDown: [0, -1], KeyS: [0, -1],
};
const AGAIN_MS = 280;
const REACH = 46;
const DEAD = 0.28;

/** Keys that something else on the page waits for. */
const busy = (target: EventTarget | null): boolean =>
  document.querySelector("dialog[open]") !== null ||
  (target instanceof Element && target.closest("a, button, input, select, textarea, summary") !== null);

export function keyboard({ move, presses = {}, holds = {} }: Keys): void {
  const held = new Set<string>();
  const tell = () => {
    let [x, y] = [0, 0];
    for (const code of held) {
      x += KEYS[code]?.[0] ?? 0;
      y += KEYS[code]?.[1] ?? 0;
    }
    move(Math.sign(x), Math.sign(y));
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
    const { code } = event;
    if (!(code in KEYS || code in presses || code in holds)) return;
    event.preventDefault();
    if (event.repeat) return;
    presses[code]?.();
    if (code in presses) return;
    held.add(code);
    holds[code]?.(true);
    tell();
  });
  const up = (code: string) => {
    if (!held.delete(code)) return;
    holds[code]?.(false);
    tell();
  };
  addEventListener("keyup", (event) => up(event.code));
  const release = () => [...held].forEach(up);
  addEventListener("blur", release);
  document.addEventListener("visibilitychange", release);
}

/** `pad`: where a thumb may come down; the stick appears there. `eighths`: only the eight directions. */
export function thumbstick(pad: HTMLElement, stick: HTMLElement, move: Move, eighths = false): void {
  const knob = stick.firstElementChild as HTMLElement;
  let finger: number | undefined;
  let [x0, y0] = [0, 0];
  const show = (dx: number, dy: number) => (knob.style.transform = `translate(${dx}px, ${dy}px)`);
  const moved = (event: PointerEvent) => {
    if (event.pointerId !== finger) return;
    const [dx, dy] = [event.clientX - x0, event.clientY - y0];
    const far = Math.hypot(dx, dy);
    const less = far > REACH ? REACH / far : 1;
    show(dx * less, dy * less);
    if (far < REACH * DEAD) return move(0, 0);
    if (!eighths) return move((dx * less) / REACH, (-dy * less) / REACH);
    const eighth = Math.round(Math.atan2(-dy, dx) / (Math.PI / 4)) * (Math.PI / 4);
    move(Math.round(Math.cos(eighth)), Math.round(Math.sin(eighth)));
  };
  const up = (event: PointerEvent) => {
    if (event.pointerId !== finger) return;
    finger = undefined;
    stick.classList.remove("held");
    stick.style.left = stick.style.top = "";
    show(0, 0);
    move(0, 0);
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" || finger !== undefined) return;
    event.preventDefault();
    finger = event.pointerId;
    pad.setPointerCapture(finger);
    [x0, y0] = [event.clientX, event.clientY];
    stick.classList.add("held");
    stick.style.left = `${x0}px`;
    stick.style.top = `${y0}px`;
  });
  pad.addEventListener("pointermove", moved);
  pad.addEventListener("pointerup", up);
  pad.addEventListener("pointercancel", up);
  addEventListener("contextmenu", (event) => event.target instanceof Element && event.target.closest(".touch") && event.preventDefault());
}

/** A button that goes on pressing while a finger stays on it. */
export function trigger(button: HTMLElement, press: () => void): void {
  let again: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    clearInterval(again);
    button.classList.remove("held");
  };
  button.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    stop();
    button.setPointerCapture(event.pointerId);
    button.classList.add("held");
    press();
    again = setInterval(() => press(), AGAIN_MS);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, stop);
  // From a keyboard or a screen reader there is no pointer.
  button.addEventListener("click", (event) => {
    if (event.detail === 0) press();
  });
}
