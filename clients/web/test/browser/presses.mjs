// Presses that are on their way when the link breaks, over each transport: the room counts every one of them, and none
// twice. The built bundle in a real Chromium against a real server.
//
//   node test/browser/presses.mjs [transport…]      AIRBOAT_BIN, CHROMIUM as for play.mjs

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, playOut, repository, startServer, temporaryFolder, WAIT, watchfulContexts } from "./harness.mjs";

const TRANSPORTS = ["webtransport", "websocket", "http"];
const PRESSES = 7;
/** Of those, how many leave before nothing does any more: by round. */
const LEFT = [0, 3, 7];

const MODULE = `
local game = { title = "Taps", tick_rate = 30, seats = { 1, 4 } }
game.inputs = { tap = field.press() }
function game.join(_, player) player.state.taps = 0 end
function game.input(_, player, input)
  if input.tap > 0 then player.state.taps = player.state.taps + input.tap end
end
return game
`;

const folder = temporaryFolder();
mkdirSync(join(folder, "modules", "taps"));
writeFileSync(join(folder, "modules", "taps", "main.lua"), MODULE);
const server = await startServer(folder);
const browser = await launch();
const windows = watchfulContexts(browser);

/** In the page: a tunnel, in which what is sent goes nowhere, and the link breaks only at its end. */
function dig() {
  window.tunnel = { inside: false, broken: false, stuck: [] };
  const socket = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (!tunnel.inside) socket.call(this, data);
  };
  const writer = WritableStreamDefaultWriter.prototype.write;
  WritableStreamDefaultWriter.prototype.write = function (chunk) {
    return tunnel.inside ? Promise.resolve() : writer.call(this, chunk);
  };
  const real = window.fetch;
  window.fetch = (...args) => {
    if (!tunnel.inside) return real(...args);
    return new Promise((_, reject) => (tunnel.broken ? reject(new TypeError("cut")) : tunnel.stuck.push(reject)));
  };
}

/** In the page: joins, and counts what the client samples. */
async function enter([transport, url]) {
  window.client = Airboat.connect({ url, name: "Ann", transport });
  window.resumed = [];
  client.on("resumed", ({ how }) => resumed.push(how));
  const { room, error } = await client.join("taps", `taps ${transport}`);
  if (error) throw new Error(error.message);
  window.room = room;
  let sampled = () => {};
  room.follow({ restart() {}, hold() {}, snapshot() {}, input: (_, values) => values.tap && sampled() });
  window.tap = () =>
    new Promise((resolve) => {
      sampled = resolve;
      room.press("tap");
    });
  window.taps = () => room.players[room.me].state.taps;
}

/** In the page: the link breaks with what did not get through, and there may be another. */
async function breakLink(transport) {
  const lost = new Promise((resolve) => client.on("status", (status) => status === "reconnecting" && resolve()));
  if (transport === "http") {
    tunnel.broken = true;
    for (const reject of tunnel.stuck.splice(0)) reject(new TypeError("cut"));
    await lost;
    tunnel.inside = tunnel.broken = false;
  } else {
    tunnel.inside = false;
    links.at(-1).close();
    await lost;
  }
}

async function survives(transport) {
  const context = await windows.open();
  await context.addInitScript(dig);
  const page = await context.newPage();
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ path: join(repository, "clients", "web", "dist", "airboat.iife.js") });
  await page.evaluate(enter, [transport, server.url]);
  await page.evaluate(() => tap());
  await page.waitForFunction(() => taps() === 1, null, WAIT);
  let total = 1;
  for (const left of LEFT) {
    await page.evaluate(
      async ([left, presses]) => {
        for (let n = 0; n < presses; n++) {
          tunnel.inside = n >= left;
          await tap();
        }
        tunnel.inside = true;
      },
      [left, PRESSES],
    );
    await page.evaluate(breakLink, transport);
    total += PRESSES;
    await page.waitForFunction(() => client.status === "online", null, WAIT);
    // However many it counts: once it has had a second of inputs more, it has had all.
    const until = await page.evaluate(() => room.report.applied + 30 + 7);
    await page.waitForFunction((until) => room.report.applied >= until, until, WAIT);
    assert.equal(await page.evaluate(() => taps()), total, `${transport}: taps, ${left} of the last ${PRESSES} sent before`);
  }
  const resumed = await page.evaluate(() => resumed);
  assert.equal(resumed.length, LEFT.length);
  console.log(`${transport}: ${total} presses counted over ${resumed.length} links that broke (${resumed})`);
  await page.evaluate(() => client.close());
  await context.close();
}

await playOut({ server, browser, windows }, async () => {
  for (const transport of process.argv.length > 2 ? process.argv.slice(2) : TRANSPORTS) await survives(transport);
});
rmSync(folder, { recursive: true, force: true });
