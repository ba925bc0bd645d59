// Which transport: WebTransport first, WebSocket 300 ms later, HTTP when neither answers. The first that is ready wins,
// and what won with all of them in the race is remembered for the host for five minutes. Who plays over a worse one has the
// better ones tried again after that time.
//
// While nothing answers at all, failures say nothing about a transport: a strike is for one that connected and was silent.

import type { Shelf } from "./identity.js";
import type { Dial, Link, TransportName } from "./transports/link.js";

export const LADDER: readonly TransportName[] = ["webtransport", "websocket", "http"];

const NEXT_MS = 300;
/** HTTP works nearly everywhere and is the worst: it waits until the others have had a fair chance. */
const LAST_MS = 3000;
/** For all of them together. */
const LIMIT_MS = 8000;
/** What asking for certificates may take before the next rung is tried all the same. */
const OFFER_MS = 1000;
const MEMORY_MS = 5 * 60 * 1000;
/** Links without an answer to the hello, after which a rung is left out once. */
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
  /** None was left out of the last climb. */
  private _whole = true;
  /** When those better than the present one may be tried. */
  private _next = 0;

  constructor(
    /** `http(s)://host…/`, with the slash. */
    private readonly _base: string,
    /** One of them, or the best that works. */
    public wish: TransportName | "auto",
    private readonly _dialers: Dialers,
    private readonly _shelf: Shelf,
  ) {
    this._key = `airboat:transport:${new URL(_base).host}`;
  }

  /** The transports to try, best first; only those better `than` one. */
  private _rungs(than?: TransportName): TransportName[] {
    this._whole = false;
    if (this.wish !== "auto") return [this.wish];
    const all = LADDER.filter((name) => this._dialers[name]);
    const fair = all.filter((name) => (this._strikes.get(name) ?? 0) < STRIKES);
    if (than) return fair.slice(0, fair.indexOf(than));
    if (fair.length < all.length) this._strikes.clear();
    const known = this._shelf.read<{ name: TransportName; until: number }>(this._key);
    const from = known && known.until > Date.now() ? fair.indexOf(known.name) : 0;
    this._whole = from < 1 && fair.length === all.length;
    return fair.slice(Math.max(0, from));
  }

  /** A link was greeted over it. */
  worked(name: TransportName): void {
    this._strikes.delete(name);
    this._next = Date.now() + MEMORY_MS;
    if (this._whole) this._shelf.write(this._key, { name, until: this._next });
  }

  /** It connected and then said nothing. HTTP connects always. */
  failed(name: TransportName): void {
    if (name !== "http") this._strikes.set(name, (this._strikes.get(name) ?? 0) + 1);
    this._forget(name);
  }

  private _forget(name: TransportName): void {
    if (this._shelf.read<{ name: TransportName }>(this._key)?.name === name) this._shelf.write(this._key);
  }

  /** Whether a better one than this, which one plays over, may be tried now. */
  due(name: TransportName): boolean {
    const now = Date.now();
    if (this.wish !== "auto" || name === LADDER[0] || now < this._next) return false;
    this._next = now + MEMORY_MS;
    return true;
  }

  /** A link that is ready for a hello, better `than` some, or undefined when none could be had. */
  climb(than?: TransportName): Promise<Link | undefined> {
    const rungs = this._rungs(than);
    const stop = new AbortController();
    let offer: Promise<Offer> | undefined;
    return new Promise((resolve) => {
      let left = rungs.length;
      let next = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const limit = setTimeout(() => stop.abort(), LIMIT_MS);
      const settle = (link?: Link) => {
        clearTimeout(limit);
        clearTimeout(timer);
        left = -1;
        resolve(link);
      };
      const step = () => {
        clearTimeout(timer);
        const name = rungs[next++];
        if (!name) return left || settle();
        this._dial(name, stop.signal, () => (offer ??= this._offer())).then(
          (link) => {
            if (left < 0) return link.close();
            // Whoever has got through does not listen any more.
            stop.abort();
            settle(link);
          },
          () => {
            if (left < 0) return;
            this._forget(name);
            if (--left === 0) settle();
            else step();
          },
        );
        const following = rungs[next];
        if (!following) return;
        const wait = following === "http" ? LAST_MS : NEXT_MS;
        const follow = (ms: number) => {
          if (left < 0 || rungs[next] !== following) return;
          clearTimeout(timer);
          timer = setTimeout(step, ms);
        };
        // The head start is for the connection, not for asking where to connect to.
        follow(wait + (offer ? OFFER_MS : 0));
        offer?.then(() => follow(wait), () => {});
      };
      step();
    });
  }

  /** Rejects where there is no such transport, here or there: nobody is told why. */
  private async _dial(name: TransportName, signal: AbortSignal, offered: () => Promise<Offer>): Promise<Link> {
    const dial = this._dialers[name]!;
    if (name === "http") return dial({ url: `${this._base}poll`, hashes: [], signal });
    if (name === "websocket") return dial({ url: `${this._base.replace("http", "ws")}ws`, hashes: [], signal });
    // Asked anew each time: certificates change.
    const { transports, certificate_hashes } = await offered();
    const url = transports?.find((t) => t.name === name)?.url;
    if (!url || signal.aborted) throw 0;
    return dial({ url, hashes: (certificate_hashes ?? []).map(fromHex), signal });
  }

  private async _offer(): Promise<Offer> {
    const response = await fetch(new URL("api/v1/connect", this._base), { cache: "no-store" });
    return (await response.json()) as Offer;
  }
}
