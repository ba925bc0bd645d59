// War Battles as people play it: the server's own pages in a real Chromium, over each transport.
//
//   node test/browser/play.mjs              against target/release or target/debug, or AIRBOAT_BIN
//   AIRBOAT_SCREENSHOTS=1 node …            writes docs/screenshots anew
//
// Nothing is timed: each step waits for what it is about. CHROMIUM names the browser.

import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  checkAccess, checkApart, checkFit, DESKTOP, launch, PHONE, playOut, repository, startServer, temporaryFolder, WAIT,
  watchfulContexts,
} from "./harness.mjs";

const server = await startServer();
const browser = await launch();
const windows = watchfulContexts(browser);

// What a window knows.

/** Through the front page, by name and room. */
async function enter(context, name, room, transport) {
  const page = await context.newPage();
  await page.goto(`${server.url}/${transport ? `?transport=${transport}` : ""}`);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Room", { exact: true }).fill(room);
  await page.getByRole("button", { name: "Play" }).click();
  await inRoom(page);
  return page;
}

const inRoom = (page) =>
  page.waitForFunction(() => window.airboat?.room && document.getElementById("overlay").hidden, null, WAIT);

const me = (page) => page.evaluate(() => airboat.room.me);
const transportOf = (page) => page.evaluate(() => airboat.client.transport);

/** Where this window sees a player's soldier: what it draws. */
const where = (page, player) =>
  page.evaluate((player) => {
    const soldier = [...airboat.room.entities("soldier").values()].find((s) => s.owner === player);
    return soldier && { id: soldier.id, x: soldier.view.x, y: soldier.view.y };
  }, player);

const seesMoved = (page, player, from) =>
  page.waitForFunction(
    ([player, from]) => {
      const soldier = [...airboat.room.entities("soldier").values()].find((s) => s.owner === player);
      // A soldier that was hit is another one: only walking counts.
      return soldier?.id === from.id && Math.hypot(soldier.view.x - from.x, soldier.view.y - from.y) > 15;
    },
    [player, from],
    WAIT,
  );

const points = (page, player) =>
  page.locator(`#scores li[data-player="${player}"] .points`).textContent().then((text) => Number(text));

const seesPoints = (page, player, atLeast) =>
  page.waitForFunction(
    ([player, atLeast]) => Number(document.querySelector(`#scores li[data-player="${player}"] .points`)?.textContent) >= atLeast,
    [player, atLeast],
    WAIT,
  );

// What a person does.

/** Walks until the other window sees it. */
async function walks(walker, watcher) {
  const player = await me(walker);
  for (let attempt = 0; ; attempt++) {
    await watcher.waitForFunction((p) => [...airboat.room.entities("soldier").values()].some((s) => s.owner === p), player, WAIT);
    const from = await where(watcher, player);
    if (!from) continue;
    // Away from the nearer edge.
    const keys = [from.x < 480 ? "ArrowRight" : "ArrowLeft", from.y < 360 ? "KeyW" : "KeyS"];
    for (const key of keys) await walker.keyboard.down(key);
    const seen = await Promise.race([
      seesMoved(watcher, player, from).then(() => true),
      watcher.waitForFunction((id) => !airboat.room.entity(id), from.id, WAIT).then(() => false),
    ]);
    for (const key of keys) await walker.keyboard.up(key);
    if (seen) return;
    assert.ok(attempt < 8, "hit again and again before it could walk");
  }
}

/** A key is seen in the very next frame, whatever the way to the room. */
async function respondsAtOnce(page) {
  await page.waitForFunction(() => window.mine?.view, null, WAIT);
  const frames = await page.evaluate(async () => {
    const told = (type, code) => dispatchEvent(new KeyboardEvent(type, { code }));
    for (let attempt = 0; attempt < 100; attempt++) {
      await new Promise(requestAnimationFrame);
      const from = mine.view && { id: mine.id, x: mine.view.x };
      await new Promise(requestAnimationFrame);
      // Whoever still comes to rest from the last walk would seem to step by itself.
      if (!from || mine.id !== from.id || Math.abs(mine.view.x - from.x) > 0.001) continue;
      const key = from.x < 480 ? "ArrowRight" : "ArrowLeft";
      told("keydown", key);
      let frames = 0;
      while (frames < 30 && mine.id === from.id && Math.abs(mine.view.x - from.x) < 0.1) {
        await new Promise(requestAnimationFrame);
        frames++;
      }
      const same = mine.id === from.id;
      told("keyup", key);
      if (same) return frames;
    }
    return -1;
  });
  assert.equal(frames, 1, "frames from a key to the soldier's first step");
}

/** The hidden panel: opens, says something of everything, and takes one from transport to transport without a break. */
async function measures(page, watcher, others) {
  const player = await me(page);
  const panel = page.locator("#meter");
  assert.equal(await panel.isVisible(), false, "nothing of it before it is asked for");
  await page.keyboard.press("F3");
  await panel.waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#meter .classes div").length === 4, null, WAIT);
  assert.deepEqual((await panel.locator("dd").allTextContents()).filter((text) => text === "–"), [], "a value in every row");
  await checkAccess(page, "the hidden panel");
  await checkFit(page, "#meter");
  for (const [name, title] of others) {
    await panel.getByRole("button", { name: title, exact: true }).click();
    await page.waitForFunction((name) => airboat.client.transport === name && airboat.client.status === "online", name, WAIT);
    await page.locator(`#meter button[aria-pressed="true"]`, { hasText: title }).waitFor();
    assert.equal(await me(page), player, `the same player over ${title}`);
    await walks(page, watcher);
    await respondsAtOnce(page);
  }
  await page.keyboard.press("F3");
  await panel.waitFor({ state: "hidden" });
}

/** Hunts with the keyboard, as a person would, until a tank is hit. Holds and releases keys by what the window shows. */
async function hunts(page) {
  const player = await me(page);
  const before = await points(page, player);
  const held = new Set();
  const hold = async (wanted) => {
    for (const key of [...held]) if (!wanted.includes(key)) (held.delete(key), await page.keyboard.up(key));
    for (const key of wanted) if (!held.has(key)) (held.add(key), await page.keyboard.down(key));
  };
  for (let turn = 0; turn < 1500; turn++) {
    const plan = await page.evaluate(aim, player);
    if (plan.points > before) break;
    await hold(plan.keys);
    if (plan.fire) await page.keyboard.press("Space");
    await page.waitForTimeout(30);
  }
  await hold([]);
  const after = await points(page, player);
  assert.ok(after > before, `hunted without a hit (${before})`);
  return after;
}

/** Runs in the page. Lines up with a tank in one of the eight directions, faces it, and says when to fire. */
function aim(player) {
  const { room } = airboat;
  const points = Number(document.querySelector(`#scores li[data-player="${player}"] .points`)?.textContent ?? 0);
  const soldier = [...room.entities("soldier").values()].find((s) => s.owner === player);
  if (!soldier) return { points, keys: [], fire: false };
  const { x, y, heading } = soldier.view;
  const places = [...room.entities("tank").values()].map(({ view }) => {
    const far = Math.hypot(view.x - x, view.y - y);
    const lead = (far / 200) * 40;
    return { x: view.x + Math.cos(view.heading) * lead, y: view.y + Math.sin(view.heading) * lead, far };
  });
  places.sort((a, b) => a.far - b.far);
  const tank = places[0];
  if (!tank) return { points, keys: [], fire: false };
  const [dx, dy] = [tank.x - x, tank.y - y];
  const far = Math.hypot(dx, dy);
  const eighth = Math.PI / 4;
  const ahead = Math.round(Math.atan2(dy, dx) / eighth) * eighth;
  const aside = Math.sin(Math.atan2(dy, dx) - ahead) * far;
  const faces = Math.cos(heading - ahead) > 0.95;
  const aligned = Math.abs(aside) < 9;
  const go = far < 170 && !aligned ? ahead + (Math.sign(aside) * Math.PI) / 2 : ahead;
  const [mx, my] = [Math.round(Math.cos(go)), Math.round(Math.sin(go))];
  const keys = [];
  if (mx) keys.push(mx > 0 ? "ArrowRight" : "ArrowLeft");
  if (my) keys.push(my > 0 ? "ArrowUp" : "ArrowDown");
  return { points, keys, fire: far < 180 && aligned && faces };
}

/** Everything that two windows of a room must agree on, once they show the same moment. */
async function agree(a, b) {
  const look = (page) =>
    page.evaluate(() => ({
      score: airboat.room.state.score,
      map: airboat.room.state.map,
      shown: [...document.querySelectorAll("#scores li")].map((li) => [li.dataset.player, li.textContent]),
      ids: ["soldier", "tank"].flatMap((c) => [...airboat.room.entities(c).keys()]).sort((x, y) => x - y),
    }));
  for (let attempt = 0; ; attempt++) {
    const [one, other] = await Promise.all([look(a), look(b)]);
    try {
      return assert.deepEqual(one, other);
    } catch (error) {
      // Between the two looks a tank may have come or gone.
      if (attempt >= 60) throw error;
      await a.waitForTimeout(50);
    }
  }
}

async function cutAndResume(page, context, transport, watcher) {
  const player = await me(page);
  windows.forgive(/ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|WebTransport|WebSocket|Failed to (load|fetch)/);
  if (transport === "http") {
    await context.setOffline(true);
    await page.waitForFunction(() => airboat.client.status !== "online", null, WAIT);
    await page.locator("#lost").waitFor();
    await context.setOffline(false);
  } else {
    await page.evaluate(() => {
      window.statuses = [];
      airboat.client.on("status", (status) => statuses.push(status));
      links.at(-1).close();
    });
    await page.waitForFunction(() => statuses.includes("reconnecting"), null, WAIT);
  }
  await page.waitForFunction(() => airboat.client.status === "online", null, WAIT);
  windows.forgive();
  assert.equal(await me(page), player, "the same player after a cut");
  await walks(page, watcher);
}

// The tests.

async function playsOver(transport) {
  const room = `test ${transport}`;
  const [one, two, three] = await Promise.all([0, 1, 2].map(() => windows.open(DESKTOP)));
  const ann = await enter(one, "Ann", room, transport);
  const bob = await enter(two, "Bob", room, transport);
  for (const page of [ann, bob]) assert.equal(await transportOf(page), transport);
  const shown = { webtransport: "WebTransport", websocket: "WebSocket", http: "HTTP" }[transport];
  await ann.waitForFunction((shown) => document.getElementById("transport").textContent === shown, shown, WAIT);
  await ann.waitForFunction(() => document.getElementById("rtt").textContent.endsWith("ms"), null, WAIT);
  await ann.waitForFunction(() => document.getElementById("loss").textContent.endsWith("%"), null, WAIT);
  await walks(ann, bob);
  await walks(bob, ann);
  await respondsAtOnce(ann);
  if (transport === "webtransport") await measures(ann, bob, [["http", "HTTP"], ["websocket", "WebSocket"], ["webtransport", "WebTransport"]]);

  const scored = await hunts(ann);
  await seesPoints(bob, await me(ann), scored);

  await cutAndResume(bob, two, transport, ann);

  const late = await enter(three, "Cat", room, transport);
  await seesPoints(late, await me(ann), scored);
  await agree(ann, late);
  await walks(late, ann);

  // Closed and opened again: the seat has waited, and so have the points.
  const player = await me(ann);
  const address = ann.url();
  await ann.close();
  await bob.waitForFunction((p) => airboat.room.players[p]?.connected === false, player, WAIT);
  const again = await one.newPage();
  await again.goto(address);
  await inRoom(again);
  assert.equal(await me(again), player, "a window closed and opened again has its seat back");
  assert.ok((await points(again, player)) >= scored);
  await bob.waitForFunction((p) => airboat.room.players[p]?.connected === true, player, WAIT);
  await agree(again, bob);
  for (const context of [one, two, three]) await context.close();
  console.log(`${transport}: two windows, a score, a cut, a late one, a seat kept`);
}

/** With thumbs, over the transport that a phone on the network has: no certificate it trusts, so no WebTransport. */
async function playsByTouch() {
  const [phone, desk] = [await windows.open(PHONE), await windows.open(DESKTOP)];
  const page = await enter(phone, "Thumbs", "test touch", "websocket");
  const watcher = await enter(desk, "Watcher", "test touch", "websocket");
  const player = await me(page);
  const touch = await phone.newCDPSession(page);
  const finger = (type, ...at) =>
    touch.send("Input.dispatchTouchEvent", { type, touchPoints: at.map(([x, y], id) => ({ x, y, id })) });
  for (let attempt = 0; ; attempt++) {
    await watcher.waitForFunction((p) => [...airboat.room.entities("soldier").values()].some((s) => s.owner === p), player, WAIT);
    const from = await where(watcher, player);
    if (!from) continue;
    const [sx, sy] = [from.x < 480 ? 50 : -50, from.y < 360 ? -50 : 50];
    await finger("touchStart", [90, 700]);
    await finger("touchMove", [90 + sx, 700 + sy]);
    const seen = await Promise.race([
      seesMoved(watcher, player, from).then(() => true),
      watcher.waitForFunction((id) => !airboat.room.entity(id), from.id, WAIT).then(() => false),
    ]);
    await finger("touchEnd");
    if (seen) break;
    assert.ok(attempt < 8, "hit again and again before it could walk");
  }
  await watcher.evaluate((p) => {
    window.fired = 0;
    airboat.room.on("spawn", "rocket", (rocket) => rocket.owner === p && window.fired++);
  }, player);
  const fire = await page.getByRole("button", { name: "Fire" }).boundingBox();
  for (let tap = 0; tap < 100 && !(await watcher.evaluate(() => window.fired)); tap++) {
    await finger("touchStart", [fire.x + fire.width / 2, fire.y + fire.height / 2]);
    await finger("touchEnd");
    await watcher.waitForTimeout(100);
  }
  assert.ok(await watcher.evaluate(() => window.fired), "the watcher sees the rocket");
  // A long tap on the chip with the round trip.
  const chip = await page.locator("#link").boundingBox();
  await finger("touchStart", [chip.x + chip.width / 2, chip.y + chip.height / 2]);
  await page.locator("#meter").waitFor();
  await finger("touchEnd");
  await checkFit(page, "#meter");
  await checkApart(page, "the hidden panel on a phone", ["#meter", ".board", "#fire", "#link"]);
  // Another phone may not have the transport that this one was told to use.
  await page.getByRole("button", { name: /invite others/ }).tap();
  await page.locator("dialog svg.qr").waitFor();
  const invitation = new URL(await page.getByLabel("Address of this room").inputValue());
  assert.deepEqual([...invitation.searchParams.keys()], ["room"]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "nothing to scroll sideways");
  await phone.close();
  await desk.close();
  console.log("touch: walks and fires with two thumbs");
}

/** A server that was killed and started again finds its players back on the transport they had: nothing else was proven. */
async function survivesACrash() {
  const folder = temporaryFolder();
  let server = await startServer(folder);
  try {
    const context = await windows.open(DESKTOP);
    const page = await context.newPage();
    await page.goto(`${server.url}/play?room=crash`);
    await inRoom(page);
    await page.waitForFunction(() => airboat.client.transport === "webtransport", null, WAIT);
    windows.forgive(/ERR_CONNECTION|ERR_QUIC|WebTransport|WebSocket|Failed to (load|fetch)/);
    await page.evaluate(() => {
      window.tries = 0;
      const real = window.fetch;
      window.fetch = (input, ...more) => {
        if (String(input).endsWith("/connect")) window.tries++;
        return real(input, ...more);
      };
    });
    await server.crash();
    // As many failures as would have left out every transport but one.
    await page.waitForFunction(() => window.tries >= 5, null, WAIT);
    server = await startServer(folder, new URL(server.url).port);
    await page.waitForFunction(() => airboat.client.status === "online", null, WAIT);
    windows.forgive();
    assert.equal(await transportOf(page), "webtransport");
    await page.reload();
    await inRoom(page);
    assert.equal(await transportOf(page), "webtransport", "after a reload, too");
    await context.close();
    console.log("a crash: back over WebTransport");
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function pagesAreSound() {
  for (const [size, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await windows.open({ ...options, colorScheme });
      const page = await context.newPage();
      await page.goto(server.url);
      await page.waitForFunction(() => document.querySelector("#qr svg") && document.querySelector("#room").value, null, WAIT);
      await checkAccess(page, `the front page, ${size}, ${colorScheme}`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `front, ${size}: too wide`);
      await page.goto(`${server.url}/play?room=sound`);
      await inRoom(page);
      await checkAccess(page, `the game, ${size}, ${colorScheme}`);
      await page.getByRole("button", { name: /invite others/ }).click();
      await page.locator("dialog svg.qr").waitFor();
      await checkAccess(page, `the invitation, ${size}, ${colorScheme}`);
      await page.getByRole("button", { name: "Back to the battle" }).click();
      await page.locator("dialog").waitFor({ state: "hidden" });
      await context.close();
    }
  }
  for (const [width, height, more] of [[320, 568, PHONE], [320, 480, {}], [600, 300, {}], [390, 844, PHONE]]) {
    const context = await windows.open({ ...more, viewport: { width, height } });
    const page = await context.newPage();
    await page.goto(`${server.url}/play?room=${encodeURIComponent("a name of some length")}`);
    await inRoom(page);
    await checkApart(page, `War Battles, ${width} by ${height}`, [".hud-left", ".board", "#link", ".keys"]);
    await page.keyboard.press("F3");
    await checkFit(page, "#meter");
    await checkApart(page, `the hidden panel, ${width} by ${height}`, ["#meter", ".hud-left", ".board"]);
    await context.close();
  }
  // Refused, with a way back.
  const context = await windows.open(DESKTOP);
  const page = await context.newPage();
  await page.goto(`${server.url}/play?room=${encodeURIComponent("!".repeat(80))}`);
  await page.getByRole("link", { name: "To the front page", exact: true }).waitFor();
  await checkAccess(page, "a refusal");
  await page.getByRole("link", { name: "To the front page", exact: true }).click();
  await page.getByRole("heading", { name: "War Battles" }).waitFor();
  await context.close();
  console.log("pages: nothing serious for axe, on both sizes, in both themes");
}

/** The hidden panel, once its rates say something. */
async function pictureOfPanel(page, folder) {
  await page.keyboard.press("F3");
  await hunts(page);
  await page.waitForTimeout(350);
  await page.screenshot({ path: join(folder, "panel-desktop-light.png") });
}

/** Some company, so that there is something to see. */
async function screenshots() {
  const folder = join(repository, "docs", "screenshots");
  mkdirSync(folder, { recursive: true });
  const crew = [];
  for (const name of ["Otter", "Heron", "Newt"]) {
    const context = await windows.open({ viewport: { width: 320, height: 240 } });
    crew.push(await enter(context, name, "lily pond", "websocket"));
  }
  let over = false;
  const busy = crew.map(async (page) => {
    while (!over) await hunts(page).catch(() => {});
  });
  for (const [size, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await windows.open({ ...options, colorScheme });
      const page = await context.newPage();
      await page.goto(server.url);
      await page.getByLabel("Your name").fill("Ann");
      await page.locator(".room").first().waitFor();
      await page.waitForFunction(() => document.querySelector("#qr svg"), null, WAIT);
      await page.evaluate(() => document.activeElement.blur());
      await page.waitForTimeout(700);
      await page.screenshot({ path: join(folder, `front-${size}-${colorScheme}.png`), fullPage: true });
      await page.getByRole("link", { name: /lily pond/ }).click();
      await inRoom(page);
      await hunts(page);
      await page.waitForTimeout(350);
      await page.screenshot({ path: join(folder, `play-${size}-${colorScheme}.png`) });
      if (size === "desktop" && colorScheme === "light") await pictureOfPanel(page, folder);
      await page.evaluate(() => airboat.client.close());
      await context.close();
    }
  }
  over = true;
  await Promise.all(busy);
}

await playOut({ server, browser, windows }, async () => {
  if (process.env.AIRBOAT_SCREENSHOTS) await screenshots();
  else {
    for (const transport of ["webtransport", "websocket", "http"]) await playsOver(transport);
    await playsByTouch();
    await survivesACrash();
    await pagesAreSound();
  }
});
