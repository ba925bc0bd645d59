// The built bundle in a real Chromium against a running server with the module tank8:
//
//   AIRBOAT_URL=http://127.0.0.1:7777 npm run test:browser
//
// CHROMIUM names the browser (default /usr/bin/chromium).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const url = (process.env.AIRBOAT_URL ?? "http://127.0.0.1:7777").replace(/\/$/, "");
const dist = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist");
const bundle = join(dist, "airboat.iife.js");
const debug = `data:text/javascript;base64,${readFileSync(join(dist, "debug.mjs")).toString("base64")}`;
const run = Math.random().toString(36).slice(2, 8);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  ignoreDefaultArgs: ["--headless"],
  args: [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

/** A page of the server with the bundle in it. */
async function open(context, at = url) {
  const page = await context.newPage();
  page.on("pageerror", (error) => {
    console.error("in the page:", error);
    process.exitCode = 1;
  });
  await load(page, at);
  return page;
}

async function load(page, at = url) {
  await page.goto(`${at}/healthz`);
  await page.addScriptTag({ path: bundle });
}

/** Joins; leaves client and room on the window. */
async function enter(page, name, options = {}) {
  const result = await page.evaluate(
    async ([name, options]) => {
      window.seen = [];
      const { HashCheck } = await import(options.debug);
      window.check = new HashCheck();
      window.client = Airboat.connect({ name: "smoke", debugHash: check, ...options });
      client.on("status", (status) => seen.push(status));
      client.on("resumed", ({ how }) => seen.push(how));
      const { room, error } = await client.join("tank8", name);
      window.room = room;
      return error ?? { me: room.me, transport: client.transport, tanks: room.entities("tank").size };
    },
    [name, { ...options, debug }],
  );
  assert.ok(result.me, `joining ${name}: ${JSON.stringify(result)}`);
  return result;
}

/** Drives, shoots, talks for a while; everything must agree with the server. */
const play = (page) =>
  page.evaluate(async () => {
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const chats = [];
    const bullets = { came: 0, went: 0, moved: 0 };
    room.on("chat", (data) => chats.push(data.text));
    room.on("spawn", "bullet", () => bullets.came++);
    room.on("despawn", "bullet", () => bullets.went++);
    const [state, tank] = [room.state, [...room.entities("tank").values()].find((t) => t.owner === room.me)];
    const from = tank.view.x;
    const before = { right: check.right };
    room.input({ mx: 1, my: 0.5, aim: 1 });
    room.press("fire");
    room.send("chat", { text: "hello" });
    const echo = await room.call("echo", { deep: [1, 2.5, { ü: "ß" }] });
    const wrong = await room.call("nothing", 1);
    let [last, lastTick, steady] = [0, 0, false];
    let steps = 0;
    for (const end = performance.now() + 2500; performance.now() < end; ) {
      await new Promise(requestAnimationFrame);
      const bullet = room.entities("bullet").values().next().value;
      if (bullet && bullet.view.x > 0) bullets.moved++;
      // Where it was gone on with beyond the newest snapshot, the next one may know better; between two, nothing goes back.
      const interpolated = room.playout.status === "interpolated";
      if (room.viewTick < lastTick || (steady && interpolated && tank.view.x < last - 1e-6)) throw new Error("the view went back");
      [lastTick, steady] = [room.viewTick, interpolated];
      if (tank.view.x > last) steps++;
      last = tank.view.x;
    }
    for (let i = 0; i < 200 && room.report.substitutions === -1; i++) await wait(10);
    return {
      echo, wrong, chats, bullets, steps, moved: tank.view.x - from, applied: room.report.applied, slack: room.report.slack,
      hashes: check.right - before.right, wrongHashes: check.wrong, same: state === room.state,
      rtt: client.rtt, jitter: client.jitter, loss: client.loss, time: client.serverTime(), tick: room.tick,
      rate: room.schema.tickRate, player: room.players[room.me],
    };
  });

function judge(what, r) {
  assert.deepEqual(r.echo, { data: { deep: [1, 2.5, { ü: "ß" }] } }, what);
  assert.ok(r.wrong.error, `${what}: an unknown message is an error`);
  assert.deepEqual(r.chats, ["hello"]);
  assert.deepEqual([r.bullets.came, r.bullets.went], [1, 1], `${what}: bullets`);
  assert.ok(r.bullets.moved > 5, `${what}: the bullet was shown`);
  assert.ok(r.moved > 50 && r.steps > 20, `${what}: moved ${r.moved} in ${r.steps} steps`);
  assert.ok(r.applied > 40, `${what}: ${r.applied} inputs applied`);
  assert.ok(r.hashes >= 4 && r.wrongHashes === 0, `${what}: hashes ${r.hashes} right, ${r.wrongHashes} wrong`);
  assert.ok(r.same && r.rtt > 0 && r.loss < 0.5);
  assert.ok(Math.abs(r.time - r.tick / r.rate) < 0.5, `${what}: the clock says ${r.time} at tick ${r.tick}`);
  assert.equal(r.player.name, "smoke");
  const [rtt, jitter, slack] = [r.rtt, r.jitter, r.slack].map((n) => n.toFixed(1));
  console.log(`${what}: ok (rtt ${rtt} ms, jitter ${jitter} ms, slack ${slack} ms, ${r.hashes} hashes agree)`);
}

try {
  const context = await browser.newContext();
  for (const transport of ["webtransport", "websocket", "http"]) {
    const page = await open(context);
    const joined = await enter(page, `${run}-${transport}`, { transport });
    assert.equal(joined.transport, transport);
    assert.equal(joined.tanks, 1, "the state is complete before join ends");
    judge(transport, await play(page));
    const left = await page.evaluate(async () => {
      const told = new Promise((resolve) => client.on("left", resolve));
      await room.leave();
      return [(await told).reason, client.room === undefined, client.status];
    });
    assert.deepEqual(left, ["left", true, "online"]);
    await page.evaluate(() => client.close());
    await page.close();
  }

  // Seats: a reload keeps its seat, a duplicate gets its own, a closed page is missed at once.
  for (const [what, at] of origins()) {
    const name = `${run}-seats-${what}`;
    const other = await browser.newContext();
    const page = await open(other, at);
    assert.equal(await page.evaluate(() => isSecureContext), what === "local");
    const first = await enter(page, name);
    assert.equal(first.transport, what === "local" ? "webtransport" : "websocket", "the ladder's choice");
    const [popup] = await Promise.all([other.waitForEvent("page"), page.evaluate(() => void window.open(location.href))]);
    await popup.waitForLoadState();
    await popup.addScriptTag({ path: bundle });
    const seats = await popup.evaluate(() => Object.keys(sessionStorage).filter((k) => k.startsWith("airboat:seat")));
    assert.equal(seats.length, 1, "a duplicated page has the other's seat in its storage");
    const second = await enter(popup, name);
    assert.notEqual(second.me, first.me, "a duplicated tab is another player");
    await load(page, at);
    const again = await enter(page, name);
    assert.equal(again.me, first.me, "a reloaded tab is the same player");
    const gone = popup.evaluate(
      async (id) => {
        const start = performance.now();
        await new Promise((resolve) => room.watch(["players", id], (p) => p?.connected === false && resolve()));
        return performance.now() - start;
      },
      first.me,
    );
    await page.close({ runBeforeUnload: false });
    assert.ok((await gone) < 5000, "a closed page is missed at once");
    // The tab that is left comes back after a loss, over whatever link there is.
    await popup.evaluate(() => window.dispatchEvent(new Event("pagehide")));
    await popup.evaluate(() => window.dispatchEvent(new Event("pageshow")));
    await popup.waitForFunction(() => seen.includes("replayed") && client.status === "online");
    const after = await popup.evaluate(async () => [room.me, await room.call("echo", 7)]);
    assert.deepEqual(after, [second.me, { data: 7 }]);
    await other.close();
    console.log(`seats (${what}): ok (${first.transport})`);
  }
  console.log(process.exitCode ? "failed" : "all well");
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}

/** The loopback address, which is a secure context, and one of this machine's others, which is none. */
function origins() {
  const list = [["local", url]];
  const outer = Object.values(networkInterfaces()).flat().find((i) => i.family === "IPv4" && !i.internal);
  const { protocol, port, hostname } = new URL(url);
  if (outer && ["127.0.0.1", "localhost"].includes(hostname)) list.push(["network", `${protocol}//${outer.address}:${port}`]);
  return list;
}
