// Which transport: WebTransport first, WebSocket 300 ms later, HTTP when neither answers. The first that is ready wins,
// and what won is remembered for the host for a day.

import type { Shelf } from "./identity.js";
import type { Dial, Link, TransportName } from "./transports/link.js";

export const LADDER: readonly TransportName[] = ["webtransport", "websocket", "http"];

const NEXT_MS = 300;
/** HTTP works nearly everywhere and is the worst: it waits until the others have had a fair chance. */
const LAST_MS = 3000;
const LIMIT_MS = 8000;
/** What asking for certificates may take before the next rung is tried all the same. */
const OFFER_MS = 1000;
const MEMORY_MS = 24 * 3600 * 1000;
/** Failures before the hello's answer, after which a rung is left out once. */
const STRIKES = 2;

export type Dialers = Partial<Record<TransportName, Dial>>;

interface Offer {
  transports?: { name: string; url?: string }[];
  certificate_hashes?: string[];
}

const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (b) => parseInt(b, 16));

export class Ladder {
  private readonly _strikes = new Map<TransportName, number>();
  private readonly _key: string;

  constructor(
    /** `http(s)://host…/`, with the slash. */
    private readonly _base: string,
    private readonly _wish: TransportName | "auto",
    private readonly _dialers: Dialers,
    private readonly _shelf: Shelf,
  ) {
    this._key = `airboat:transport:${new URL(_base).host}`;
  }

  /** The transports to try, best first. */
  private _rungs(): TransportName[] {
    if (this._wish !== "auto") return [this._wish];
    const all = LADDER.filter((name) => this._dialers[name]);
    const fair = all.filter((name) => (this._strikes.get(name) ?? 0) < STRIKES);
    if (fair.length < all.length) this._strikes.clear();
    const known = this._shelf.read<{ name: TransportName; until: number }>(this._key);
    const from = known && known.until > Date.now() ? fair.indexOf(known.name) : -1;
    return from > 0 ? fair.slice(from) : fair.length > 0 ? fair : all;
  }

  /** A link was greeted over it: good for a day. */
  worked(name: TransportName): void {
    this._strikes.delete(name);
    if (this._wish === "auto") this._shelf.write(this._key, { name, until: Date.now() + MEMORY_MS });
  }

  /** It connected and then said nothing, or could not connect. */
  failed(name: TransportName): void {
    this._strikes.set(name, (this._strikes.get(name) ?? 0) + 1);
    if (this._shelf.read<{ name: TransportName }>(this._key)?.name === name) this._shelf.write(this._key, undefined);
  }

  /** A link that is ready for a hello, or undefined when none could be had. */
  climb(): Promise<Link | undefined> {
    const rungs = this._rungs();
    const stops: AbortController[] = [];
    let offer: Promise<Offer> | undefined;
    return new Promise((resolve) => {
      let left = rungs.length;
      let next = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const settle = (link?: Link) => {
        clearTimeout(timer);
        left = -1;
        resolve(link);
      };
      const step = () => {
        clearTimeout(timer);
        const name = rungs[next++];
        if (name === undefined) return;
        const stop = new AbortController();
        stops.push(stop);
        const limit = setTimeout(() => stop.abort(), LIMIT_MS);
        this._dial(name, stop.signal, () => (offer ??= this._offer())).then(
          (link) => {
            clearTimeout(limit);
            if (left < 0) return link.close();
            for (const other of stops) if (other !== stop) other.abort();
            settle(link);
          },
          () => {
            clearTimeout(limit);
            if (left < 0) return;
            this.failed(name);
            if (--left === 0) settle();
            else step();
          },
        );
        const following = rungs[next];
        if (!following) return;
        const wait = following === "http" ? LAST_MS : NEXT_MS;
        timer = setTimeout(step, wait + (name === "webtransport" ? OFFER_MS : 0));
        // The head start is for the connection, not for asking where to connect to.
        const asked = () => {
          if (left < 0 || rungs[next] !== following) return;
          clearTimeout(timer);
          timer = setTimeout(step, wait);
        };
        if (name === "webtransport") offer?.then(asked, () => {});
      };
      step();
    });
  }

  private async _dial(name: TransportName, signal: AbortSignal, offered: () => Promise<Offer>): Promise<Link> {
    const dial = this._dialers[name];
    if (!dial) throw new Error(`no ${name} here`);
    const own = new URL(name === "http" ? "poll" : "ws", this._base).href;
    if (name === "http") return dial({ url: own, hashes: [], signal });
    if (name === "websocket") return dial({ url: own.replace(/^http/, "ws"), hashes: [], signal });
    // Asked anew each time: certificates change.
    const { transports, certificate_hashes } = await offered();
    const url = transports?.find((t) => t.name === name)?.url;
    if (!url || signal.aborted) throw new Error(`no ${name} there`);
    return dial({ url, hashes: (certificate_hashes ?? []).map(fromHex), signal });
  }

  private async _offer(): Promise<Offer> {
    const response = await fetch(new URL("api/v1/connect", this._base), { cache: "no-store" });
    return (await response.json()) as Offer;
  }
}
