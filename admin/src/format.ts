// Numbers as people read them. A dash stands for what is not known.

export const DASH = "–";

const round = (n: number) => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2)).replace(/\.0+$/, "");

export function micros(us: number | null): string {
  if (us === null) return DASH;
  return us < 1000 ? `${Math.round(us)} µs` : `${round(us / 1000)} ms`;
}

export function bytes(n: number | null): string {
  if (n === null) return DASH;
  if (n < 1000) return `${Math.round(n)} B`;
  if (n < 1e6) return `${round(n / 1e3)} kB`;
  return n < 1e9 ? `${round(n / 1e6)} MB` : `${round(n / 1e9)} GB`;
}

export const rate = (n: number | null) => (n === null ? DASH : `${bytes(n)}/s`);
export const percent = (n: number | null) => (n === null ? DASH : `${n < 10 ? n.toFixed(1) : Math.round(n)} %`);
export const count = (n: number | null) => (n === null ? DASH : n.toLocaleString("en"));

export function duration(secs: number): string {
  const parts: [number, string][] = [
    [Math.floor(secs / 86400), "d"],
    [Math.floor(secs / 3600) % 24, "h"],
    [Math.floor(secs / 60) % 60, "min"],
    [Math.floor(secs) % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([n], at) => at === 0 || n > 0);
  return shown.map(([n, unit]) => `${n} ${unit}`).join(" ");
}

/** Enough of a hash to tell versions apart. */
export const version = (hash: string) => (hash === "" ? DASH : hash.slice(0, 8));

export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const TRANSPORTS: Record<string, string> = {
  quic: "QUIC",
  webtransport: "WebTransport",
  websocket: "WebSocket",
  http: "HTTP polling",
};
export const transportName = (name: string) => TRANSPORTS[name] ?? name;
