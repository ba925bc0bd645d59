// The hidden panel: what the network does, and what is done about it. F3, or a long tap on the chip with the round trip.

import type { Client, Room } from "../../src/index.js";
import type { Prediction } from "../../src/predict.js";
import { byId, element } from "./common.js";

const LOOK_MS = 500;
const HOLD_MS = 450;
/** A new transport that does not get through in this time is given up. */
const PATIENCE_MS = 6000;
const TRANSPORTS = [["webtransport", "WebTransport"], ["websocket", "WebSocket"], ["http", "HTTP"]] as const;
/** Seconds over which rates are taken. */
const WINDOW = 4;

const whole = (n: number): string => Math.round(n).toLocaleString("en");
const fine = (n: number): string => (Math.abs(n) < 9.95 ? n.toFixed(1) : String(Math.round(n)));

export class Meter {
  readonly #client: Client;
  readonly #panel = byId("meter");
  readonly #values = new Map<string, HTMLElement>();
  readonly #classes = element("dl", "classes");
  readonly #buttons = new Map<string, HTMLButtonElement>();
  readonly #predicted: () => Prediction<object, object> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Running counts, as they were in the last seconds. */
  #past: { at: number; room: Room; bytes: number[]; counts: number[] }[] = [];

  constructor(client: Client, predicted: () => Prediction<object, object> | undefined) {
    this.#client = client;
    this.#predicted = predicted;
    this.#build();
    addEventListener("keydown", (event) => {
      if (event.code !== "F3" || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      this.#toggle();
    });
    const chip = byId("link");
    let held: ReturnType<typeof setTimeout> | undefined;
    chip.addEventListener("pointerdown", () => (held = setTimeout(() => this.#toggle(), HOLD_MS)));
    // A long tap is ours, not the browser's menu.
    chip.addEventListener("contextmenu", (event) => event.preventDefault());
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) chip.addEventListener(end, () => clearTimeout(held));
  }

  #build(): void {
    const row = (key: string, name: string, title: string) => {
      const value = element("dd", "", "–");
      this.#values.set(key, value);
      const line = element("div", "", element("dt", "", name), value);
      line.title = title;
      return line;
    };
    const rows = element(
      "dl",
      "",
      row("rtt", "round trip", "there and back; and how late 19 of 20 snapshots are at most"),
      row("loss", "loss", "snapshots that did not arrive"),
      row("slack", "slack", "how early inputs reach the room before their tick"),
      row("delay", "shown", "how long ago what is seen of others happened there"),
      row("late", "beyond", "looks for which the next snapshot was late: gone on with, held"),
      row("error", "prediction", "what the room says, less what was predicted; and how often it was put right"),
      row("inputs", "inputs", "a second: ticks that had to repeat an input, and inputs passed over"),
      row("rate", "ticks", "of the room, and snapshots that came of them"),
    );
    const choice = element("div", "choice");
    choice.setAttribute("role", "group");
    choice.setAttribute("aria-label", "Transport");
    for (const [name, title] of TRANSPORTS) {
      const button = element("button", "", title);
      button.type = "button";
      button.addEventListener("click", () => void this.#use(name, button));
      this.#buttons.set(name, button);
      choice.append(button);
    }
    this.#panel.append(choice, rows, element("h3", "", "bytes a second"), this.#classes);
  }

  #toggle(): void {
    this.#panel.hidden = !this.#panel.hidden;
    // Where there is not room for everything, the scores make way.
    document.body.classList.toggle("measured", !this.#panel.hidden);
    clearInterval(this.#timer);
    this.#past = [];
    if (this.#panel.hidden) return;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#look();
  }

  async #use(name: (typeof TRANSPORTS)[number][0], button: HTMLButtonElement): Promise<void> {
    // Else the space bar would press it again instead of firing.
    button.blur();
    button.classList.add("busy");
    const before = this.#client.transport;
    await this.#client.use(name);
    const until = performance.now() + PATIENCE_MS;
    while (this.#client.status !== "online" && performance.now() < until) await new Promise((done) => setTimeout(done, 100));
    if (this.#client.status !== "online") await this.#client.use(before ?? "auto");
    button.classList.remove("busy");
    this.#look();
  }

  #tell(key: string, text: string, health: "good" | "warn" | "bad" | "" = ""): void {
    const value = this.#values.get(key)!;
    value.textContent = text;
    value.dataset["health"] = health;
  }

  #look(): void {
    const { room, transport, rtt, jitter, loss } = this.#client;
    for (const [name, button] of this.#buttons) button.setAttribute("aria-pressed", String(name === transport));
    if (!room) return;
    const { report, playout, schema } = room;
    const period = 1000 / schema.tickRate;
    const prediction = this.#predicted();
    const counts = [
      playout.counts.extrapolated, playout.counts.held, playout.counts.interpolated,
      report.substitutions, report.skips, prediction?.corrections ?? 0, room.tick,
    ];
    const now = performance.now();
    if (this.#past[0]?.room !== room || this.#past[0].bytes.length !== room.bytes.length) this.#past = [];
    this.#past.push({ at: now, room, bytes: [...room.bytes], counts });
    while (this.#past.length > 2 && now - this.#past[0]!.at > WINDOW * 1000) this.#past.shift();
    const first = this.#past[0]!;
    const seconds = Math.max(0.001, (now - first.at) / 1000);
    const [beyond, held, between, repeats, skips] = counts.map((n, i) => n - first.counts[i]!) as [number, number, number, number, number];

    this.#tell("rtt", `${fine(rtt)} ± ${fine(jitter)} ms`, rtt > 250 ? "bad" : rtt > 120 ? "warn" : "good");
    this.#tell("loss", `${(loss * 100).toFixed(1)} %`, loss > 0.1 ? "bad" : loss > 0.03 ? "warn" : "good");
    this.#tell("slack", `${report.slack.toFixed(1)} ms`, report.slack < 0 ? "warn" : "good");
    this.#tell("delay", `${whole(playout.delay * period)} ms`);
    const looks = Math.max(1, beyond + held + between);
    this.#tell("late", `${((100 * beyond) / looks).toFixed(0)} %, held ${((100 * held) / looks).toFixed(0)} %`, held > 0 ? "bad" : beyond > looks / 20 ? "warn" : "good");
    if (prediction) {
      const off = prediction.error;
      this.#tell("error", `${off.toFixed(2)} quanta, ${prediction.corrections} ×`, off > 1 ? "warn" : "good");
    } else this.#tell("error", "none");
    const rate = (n: number) => ((n & 255) / seconds).toFixed(1);
    this.#tell("inputs", `${rate(repeats)} late, ${rate(skips)} over /s`, (repeats & 255) > seconds ? "warn" : "good");
    this.#tell("rate", `${schema.tickRate} /s, ${whole((1 - playout.loss) * 100)} %`);

    const rates = schema.classes.map(({ name, index }) => ({ name, rate: (room.bytes[index]! - first.bytes[index]!) / seconds }));
    const most = Math.max(1, ...rates.map((r) => r.rate));
    this.#classes.replaceChildren(
      ...rates.map(({ name, rate }) => {
        const bar = element("i");
        bar.style.width = `${(100 * rate) / most}%`;
        return element("div", "", element("dt", "", name), element("dd", "", bar, element("span", "", whole(rate))));
      }),
    );
  }
}
