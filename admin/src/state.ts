// What the page knows: who is logged in, the newest figures, and the last minutes for the charts.

import { batch, signal } from "@preact/signals";
import * as api from "./api";

export const HISTORY_SECS = 300;

export const me = signal<api.Me | null>(null);
/** The secret of a one-time link this page was opened with. */
export const token = signal<string | null>(null);
/** Why the page shows what it shows, such as "You were logged out." */
export const notice = signal("");
export const figures = signal<api.Figures | null>(null);
export const history = signal<api.Point[]>([]);
export const live = signal(false);
/** What was done last, for a moment. */
export const toast = signal("");

let source: EventSource | null = null;
let toastTimer = 0;

/** Takes the secret out of the address, so that it stays in neither the history nor a copied link. */
export function takeToken(): void {
  const found = /^#setup=([\w-]+)$/.exec(location.hash)?.[1];
  if (found === undefined) return;
  window.history.replaceState(null, "", location.pathname);
  token.value = found;
}

export async function refresh(): Promise<void> {
  try {
    const now = await api.me();
    const was = me.value?.admin ?? null;
    batch(() => {
      notice.value = was !== null && now.admin === null ? "You were logged out." : "";
      me.value = now;
    });
    if (now.admin === null) stop();
    else follow();
  } catch (error) {
    notice.value = message(error);
    window.setTimeout(refresh, 2000);
  }
}

export function entered(admin: string): void {
  batch(() => {
    token.value = null;
    notice.value = "";
    me.value = { password_chars_min: 0, ...me.value, setup: false, admin };
  });
  follow();
}

export async function leave(): Promise<void> {
  // First, so that the server's end of the stream is no surprise.
  stop();
  try {
    await api.logout();
  } catch (error) {
    if (!(error instanceof api.Refused) || error.code !== "login_needed") say(message(error));
  }
  batch(() => {
    figures.value = null;
    history.value = [];
  });
  me.value = null;
  await refresh();
}

/** Follows the live figures while the page is seen. */
function follow(): void {
  if (source !== null || document.hidden) return;
  const opened = new EventSource("/admin/api/live");
  source = opened;
  opened.addEventListener("history", (event) => {
    history.value = JSON.parse(event.data);
  });
  opened.addEventListener("figures", (event) => {
    const now: api.Figures = JSON.parse(event.data);
    const last = history.value.at(-1)?.[0] ?? -1;
    const time = now.point[0] ?? 0;
    batch(() => {
      live.value = true;
      figures.value = now;
      // A smaller time is another server on the same address.
      if (time < last) history.value = [now.point];
      else if (time > last) history.value = [...history.value, now.point].filter((p) => (p[0] ?? 0) > time - HISTORY_SECS - 1);
    });
    document.title = `${now.players} playing · Airboat panel`;
  });
  opened.addEventListener("error", () => {
    live.value = false;
    // Closed for good: the server refused. Otherwise the browser tries again by itself.
    if (opened.readyState === EventSource.CLOSED && source === opened) {
      stop();
      void refresh();
    }
  });
}

function stop(): void {
  source?.close();
  source = null;
  live.value = false;
  document.title = "Airboat panel";
}

export function watchVisibility(): void {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (me.value !== null && me.value.admin !== null) void refresh();
  });
}

export function say(text: string): void {
  toast.value = text;
  window.clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => (toast.value = ""), 6000);
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
