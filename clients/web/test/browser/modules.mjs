// The page that plays any module, and Lanterns on its own page: two windows each, over different transports.
//
//   node test/browser/modules.mjs       against target/release or target/debug, or AIRBOAT_BIN
//   AIRBOAT_SCREENSHOTS=1 node …        writes docs/screenshots/lanterns-* and any-* anew

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  checkAccess, checkApart, DESKTOP, launch, PHONE, playOut, repository, startServer, temporaryFolder, WAIT, watchfulContexts,
} from "./harness.mjs";

const server = await startServer();
const browser = await launch();
const windows = watchfulContexts(browser);

async function enter(context, query, of = server) {
  const page = await context.newPage();
  await page.goto(`${of.url}/play/?${new URLSearchParams(query)}`);
  await page.waitForFunction(() => window.airboat?.room && document.getElementById("overlay").hidden, null, WAIT);
  return page;
}

const me = (page) => page.evaluate(() => airboat.room.me);
const transportOf = (page) => page.evaluate(() => airboat.client.transport);
const phase = (page, name) => page.waitForFunction((name) => airboat.room.state.phase?.name === name, name, WAIT);

/** Where this window sees somebody's entity of a class. */
const where = (page, className, player) =>
  page.evaluate(([className, player]) => {
    const entity = [...airboat.room.entities(className).values()].find((e) => e.owner === player);
    return entity && { x: entity.view.x, y: entity.view.y };
  }, [className, player]);

/** Holds a key until the other window sees that it did something. */
async function walks(walker, watcher, className, key = undefined) {
  const player = await me(walker);
  await watcher.waitForFunction(([c, p]) => [...airboat.room.entities(c).values()].some((e) => e.owner === p), [className, player], WAIT);
  const from = await where(watcher, className, player);
  const middle = await walker.evaluate((className) => {
    const of = airboat.room.schema.classes.find((c) => c.name === className);
    const x = of.fields[of.x - 1];
    return ((x.low + x.high) * x.step) / 2;
  }, className);
  const held = key ?? (from.x < middle ? "ArrowRight" : "ArrowLeft");
  await walker.keyboard.down(held);
  await watcher.waitForFunction(([className, player, from]) => {
    const entity = [...airboat.room.entities(className).values()].find((e) => e.owner === player);
    return entity && Math.hypot(entity.view.x - from.x, entity.view.y - from.y) > 20;
  }, [className, player, from], WAIT);
  await walker.keyboard.up(held);
}

/** Again and again, until it has been seen: what lasts a moment only can fall between two polls. */
async function until(seen, act) {
  let over = false;
  const outcome = seen.finally(() => (over = true));
  outcome.catch(() => {}); // told below
  for (const end = Date.now() + WAIT.timeout; !over; await new Promise((done) => setTimeout(done, 500))) {
    if (Date.now() > end) assert.fail(`not seen: ${act}`);
    await act();
  }
  return outcome;
}

// Any module.

async function playsAny() {
  const [one, two] = [await windows.open(DESKTOP), await windows.open({ ...PHONE, colorScheme: "dark" })];
  const ann = await enter(one, { module: "tank8", room: "any", transport: "websocket" });
  const bob = await enter(two, { module: "tank8", room: "any", transport: "http" });
  assert.deepEqual([await transportOf(ann), await transportOf(bob)], ["websocket", "http"]);
  await walks(ann, bob, "tank");
  await walks(bob, ann, "tank");

  // The pointer is the angle, the space bar the press: a bullet, and it flies towards the pointer.
  const tank = await where(ann, "tank", await me(ann));
  assert.ok(tank);
  const box = await ann.locator("#field").boundingBox();
  await ann.mouse.move(box.x + box.width - 5, box.y + box.height / 2);
  await ann.waitForFunction(() => [...airboat.room.entities("tank").values()].some((t) => t.owner === airboat.room.me && Math.cos(t.turret) > 0.3), null, WAIT);
  const bullet = bob.evaluate(() => new Promise((seen) => airboat.room.on("spawn", "bullet", ({ owner, vx }) => seen({ owner, vx }))));
  const flown = await until(bullet, () => ann.keyboard.press("Space"));
  assert.equal(flown.owner, await me(ann));
  assert.ok(flown.vx > 0, "towards the pointer");

  // A message by hand, and its answer; what is no JSON goes nowhere.
  await ann.getByLabel("Name").fill("chat");
  await ann.getByLabel("Data, as JSON").fill('{ "text": "hello" }');
  await ann.getByRole("button", { name: "Send", exact: true }).click();
  await bob.waitForFunction(() => /chat.*hello/.test(document.getElementById("log").textContent), null, WAIT);
  await ann.waitForFunction(() => /chats\s*1/.test(document.getElementById("tree").textContent), null, WAIT);
  await ann.getByLabel("Name").fill("echo");
  await ann.getByRole("button", { name: "Call" }).click();
  await ann.waitForFunction(() => /echo →.*hello/.test(document.getElementById("log").textContent), null, WAIT);
  await ann.getByLabel("Data, as JSON").fill("{ not so");
  await ann.getByRole("button", { name: "Send", exact: true }).click();
  await ann.getByText(/That is no JSON/).waitFor();
  assert.equal(await ann.evaluate(() => airboat.room.state.chats), 1);
  // A slip in the name costs no seat.
  await ann.getByLabel("Name").fill("nope");
  await ann.getByLabel("Data, as JSON").fill("1");
  for (const how of ["Send", "Call"]) {
    await ann.getByRole("button", { name: how, exact: true }).click();
    await ann.getByText(/Refused: unknown message "nope"/).waitFor();
  }
  assert.equal(await ann.evaluate(() => airboat.room === airboat.client.room && airboat.client.status), "online");

  // The thumb's button, and the panel as a sheet.
  const thumb = bob.evaluate(() => new Promise((seen) => airboat.room.on("spawn", "bullet", ({ owner }) => owner === airboat.room.me && seen(true))));
  await until(thumb, () => bob.getByRole("button", { name: "fire" }).tap());
  await bob.getByRole("button", { name: "Inspect" }).tap();
  await bob.locator("#panel").waitFor();
  for (const [page, what] of [[ann, "any module"], [bob, "any module on a phone"]]) await checkAccess(page, what);
  await bob.getByRole("button", { name: "Close the panel" }).tap();
  assert.ok(await bob.locator("#panel").isHidden());

  // Somebody who only watches, by the same page.
  const watcher = await enter(one, { module: "tank8", room: "any", kind: "spectator" });
  await watcher.waitForFunction(() => airboat.room.players[airboat.room.me]?.kind === "spectator", null, WAIT);
  for (const context of [one, two]) await context.close();
  console.log("any module: two windows over WebSocket and HTTP, pointer, press, message, call, panel");
}

// Lanterns.

async function playsLanterns() {
  const [one, two, three] = [await windows.open(DESKTOP), await windows.open({ ...PHONE, colorScheme: "dark" }), await windows.open(DESKTOP)];
  const ann = await enter(one, { module: "sample", room: "lanterns", transport: "websocket" });
  const bob = await enter(two, { module: "sample", room: "lanterns", transport: "http" });
  await phase(ann, "lobby");
  await checkAccess(ann, "the lobby");
  // Ann came first: she is the host, and only she can start.
  assert.ok(await bob.getByRole("button", { name: "Start" }).isHidden());
  await bob.getByRole("button", { name: "Ready?" }).tap();
  await ann.waitForFunction((bob) => airboat.room.state.phase.ready[bob] === true, await me(bob), WAIT);
  await ann.locator("#lobby-players li", { hasText: "ready" }).waitFor();
  await ann.getByRole("button", { name: "Start" }).click();

  for (const page of [ann, bob]) await phase(page, "night");
  await ann.waitForFunction(() => /^[01]:\d\d$/.test(document.getElementById("phase-clock").textContent), null, WAIT);
  const [hers, his] = await Promise.all([ann, bob].map(async (page) => {
    await page.locator("#secret").waitFor();
    return page.evaluate(() => airboat.room.secret.colour);
  }));
  assert.ok(hers && his);
  // What bob's window holds does not have ann's colour anywhere in her entry.
  assert.equal(await bob.evaluate((id) => JSON.stringify(airboat.room.players[id]).includes("colour"), await me(ann)), false);
  await walks(ann, bob, "lantern");
  await walks(bob, ann, "lantern", "KeyW");
  const gust = bob.evaluate(() => new Promise((seen) => airboat.room.on("spawn", "gust", ({ owner }) => seen(owner))));
  assert.ok(await until(gust, () => ann.keyboard.press("Space")));
  const cheer = bob.waitForFunction((id) => [...airboat.room.entities("lantern").values()].some((l) => l.owner === id && l.mood === "cheer"), await me(ann), WAIT);
  await until(cheer, () => ann.keyboard.press("KeyC"));
  await checkAccess(bob, "the night on a phone");

  // Who comes late watches.
  const cat = await enter(three, { module: "sample", room: "lanterns" });
  await cat.waitForFunction(() => airboat.room.players[airboat.room.me]?.kind === "spectator", null, WAIT);
  await cat.locator("#watching").waitFor();

  // A minute of night goes by; then the result, the colours, and the votes.
  for (const page of [ann, bob]) await page.waitForFunction(() => airboat.room.state.phase.name === "dawn", null, { ...WAIT, timeout: 90_000 });
  await ann.locator("#dawn").waitFor();
  const result = await ann.evaluate(() => airboat.room.state.result);
  assert.ok(result.some((row) => row.colour === hers) && result.some((row) => row.colour === his), "the colours are told");
  await checkAccess(ann, "the dawn");
  await ann.getByRole("button", { name: "The windy hill" }).click();
  await ann.getByText("Your vote is in.").waitFor();
  await bob.getByRole("button", { name: "The windy hill" }).tap();
  // Somebody waits to play: back to the lobby, and from there all three into the night on the hill.
  await phase(ann, "lobby");
  assert.equal(await ann.evaluate(() => airboat.room.state.place), "hill");
  await cat.waitForFunction(() => airboat.room.players[airboat.room.me]?.kind === "player", null, WAIT);
  await ann.getByRole("button", { name: "Start" }).click();
  await phase(cat, "night");
  await walks(cat, ann, "lantern");
  for (const context of [one, two, three]) await context.close();
  console.log("lanterns: lobby, night, dawn, votes, a late one, over WebSocket and HTTP");
}

/** On phones of every size the host can reach the button, with a full room, too. */
async function startsOnSmallPhones() {
  for (const [width, height, others] of [[320, 568, 0], [375, 667, 0], [390, 844, 3], [667, 375, 0]]) {
    const context = await windows.open({ ...PHONE, viewport: { width, height } });
    const room = `small ${width}`;
    const page = await enter(context, { module: "sample", room });
    const crowd = [];
    for (let n = 0; n < others; n++) crowd.push(await windows.open(DESKTOP));
    for (const other of crowd) await enter(other, { module: "sample", room });
    await page.waitForFunction((n) => document.querySelectorAll("#lobby-players li").length > n, others, WAIT);
    await checkApart(page, `the lobby, ${width} by ${height}`, ["#lobby", ".dock > *", "#link"]);
    await page.getByRole("button", { name: "Start" }).tap();
    await phase(page, "night");
    await page.locator("#secret").waitFor();
    await checkApart(page, `the night, ${width} by ${height}`, [".hud-left", ".board", "#phase", "#secret", ".dock > *", "#link"]);
    for (const each of [context, ...crowd]) await each.close();
  }
  console.log("small phones: Start can be tapped");
}

async function refusesPolitely() {
  const context = await windows.open(DESKTOP);
  const page = await context.newPage();
  await page.goto(server.url);
  await page.getByLabel("Your name").fill("poop");
  await page.getByRole("link", { name: /Lanterns/ }).click();
  await page.getByText("please take a friendlier name").waitFor();
  await checkAccess(page, "a refusal");
  await page.goto(`${server.url}/play/?module=nosuch`);
  await page.getByText("That game is not here").waitFor();
  // From a room: whoever asked for another has left it, whatever the answer.
  const people = async () => (await (await fetch(`${server.url}/api/v1/rooms?module=warbattles`)).json()).rooms.find((r) => r.room === "ghost")?.players ?? 0;
  await page.goto(`${server.url}/play?room=ghost`);
  await page.waitForFunction(() => window.airboat?.room && document.getElementById("overlay").hidden, null, WAIT);
  assert.equal(await people(), 1);
  await page.goto(`${server.url}/play/?module=nosuch&room=ghost`);
  await page.getByText("That game is not here").waitFor();
  assert.equal(await page.evaluate(() => airboat.client.room), undefined);
  for (const end = Date.now() + WAIT.timeout; (await people()) > 0; ) assert.ok(Date.now() < end, "the seat is given up");
  await page.goto(server.url);
  for (const title of ["Lanterns", "Tank 8", "War Battles"]) await page.locator("#games a", { hasText: title }).waitFor();
  await checkAccess(page, "the front page with all games");
  await context.close();
  console.log("refusals say why");
}

// A developer's day: the file is saved while two windows play, once well and once broken; then the server is restarted.

/** Until the terminal says this. */
async function says(server, pattern) {
  const until = Date.now() + WAIT.timeout;
  while (!pattern.test(server.said())) {
    if (Date.now() > until) assert.fail(`the server did not say ${pattern}:\n${server.said()}`);
    await new Promise((done) => setTimeout(done, WAIT.polling));
  }
}

async function reloadsWhilePlayed() {
  const folder = temporaryFolder();
  const main = join(folder, "modules", "sample", "main.lua");
  const change = (from, to) => {
    const text = readFileSync(main, "utf8");
    assert.ok(text.includes(from), `main.lua has ${from}`);
    writeFileSync(main, text.replace(from, to));
  };
  let server = await startServer(folder);
  try {
    const [one, two] = [await windows.open(DESKTOP), await windows.open({ ...PHONE, colorScheme: "dark" })];
    const ann = await enter(one, { module: "sample", room: "reload", transport: "websocket" }, server);
    const bob = await enter(two, { module: "sample", room: "reload", transport: "http" }, server);
    const pages = [ann, bob];
    for (const page of pages) {
      // What must not happen: another link, another status, another page, an empty field.
      await page.evaluate(() => {
        window.seen = { statuses: [], left: 0, empty: 0, links: window.links.length };
        airboat.client.on("status", (status) => window.seen.statuses.push(status));
        airboat.client.on("left", () => window.seen.left++);
        const me = airboat.room.me;
        requestAnimationFrame(function look() {
          if (![...(airboat.room?.entities("lantern").values() ?? [])].some((l) => l.owner === me)) window.seen.empty++;
          if (!document.getElementById("overlay").hidden) window.seen.empty++;
          requestAnimationFrame(look);
        });
      });
    }
    const unharmed = async () => {
      for (const page of pages) {
        const { statuses, left, empty, links } = await page.evaluate(() => ({ ...window.seen, links: window.links.length - window.seen.links }));
        assert.deepEqual({ statuses, left, empty, links }, { statuses: [], left: 0, empty: 0, links: 0 });
      }
    };

    // A colour: fireflies of the next night are all amber.
    change("y = room:random(30, step.HEIGHT - 30), colour = COLOURS[room:random(#COLOURS)]", 'y = room:random(30, step.HEIGHT - 30), colour = "amber"');
    await says(server, /module sample reloaded: 1 room/);
    await ann.getByRole("button", { name: "Start" }).click();
    for (const page of pages) await phase(page, "night");
    for (const page of pages) {
      await page.waitForFunction(() => {
        const all = [...airboat.room.entities("firefly").values()];
        return all.length > 10 && all.every(({ view }) => view.colour === "amber");
      }, null, WAIT);
    }
    await walks(ann, bob, "lantern");
    await unharmed();

    // A slip: play goes on with what was, and the terminal says where it is.
    const sound = readFileSync(main, "utf8");
    writeFileSync(main, sound.replace("local function place(room)", "local functoin place(room)"));
    const line = sound.slice(0, sound.indexOf("local function place(room)")).split("\n").length;
    await says(server, new RegExp(`module sample: not reloaded: .*main\\.lua:${line}: `));
    await walks(ann, bob, "lantern");
    await walks(bob, ann, "lantern", "KeyW");
    const { modules } = await ann.evaluate(async () => (await fetch("/api/v1/modules")).json());
    const told = modules.find((m) => m.module === "sample");
    assert.deepEqual([told.open, told.problem.kind], [true, "load"]);
    writeFileSync(main, sound);
    await says(server, /module sample: this version runs already/);
    await unharmed();

    // A slip that shows only when it runs: the new version is taken back.
    change("function game.tick(room)\n", 'function game.tick(room)\n  error("a slip")\n');
    await says(server, /the new version failed, the old one goes on: .*main\.lua:\d+: a slip/);
    await walks(ann, bob, "lantern");
    await unharmed();
    writeFileSync(main, sound);

    // A night of points; the best of them is there after a restart of the server, in a room that did not know of it.
    await ann.evaluate(() => {
      const step = setInterval(() => {
        const { room } = airboat;
        if (!room || room.state.phase.name !== "night") return clearInterval(step);
        const me = [...room.entities("lantern").values()].find((l) => l.owner === room.me)?.view;
        if (!me) return;
        const far = ({ view }) => Math.hypot(view.x - me.x, view.y - me.y);
        const next = [...room.entities("firefly").values()].sort((a, b) => far(a) - far(b))[0];
        if (next) room.input({ mx: (next.view.x - me.x) / far(next), my: (next.view.y - me.y) / far(next), sneak: far(next) < 90 });
      }, 100);
    });
    await ann.waitForFunction(() => airboat.room.state.phase.name === "dawn", null, { ...WAIT, timeout: 90_000 });
    const best = await ann.evaluate(() => airboat.room.state.best);
    assert.ok(best.points > 0, "ann caught some");
    await ann.getByText(`Best night ever: ${best.name}, ${best.points}`).waitFor();
    await unharmed();
    for (const context of [one, two]) await context.close();
    assert.equal(await server.stop(), 0);
    server = await startServer(folder);
    const three = await windows.open(DESKTOP);
    const cat = await enter(three, { module: "sample", room: "elsewhere" }, server);
    await cat.getByText(`Best night ever: ${best.name}, ${best.points}`).waitFor();
    await three.close();
    console.log("reload: a change, a slip, a slip that shows late, and a best score that outlives the server");
  } catch (error) {
    console.error(`the server that reloads said:\n${server.said()}`);
    throw error;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function screenshots() {
  const folder = join(repository, "docs", "screenshots");
  const crew = [];
  for (const [size, options] of [["desktop", DESKTOP], ["phone", { ...PHONE, colorScheme: "dark" }]]) {
    const context = await windows.open(options);
    crew.push([size, await enter(context, { module: "sample", room: "lily pond", transport: "websocket" })]);
  }
  const [[, host]] = crew;
  await host.waitForTimeout(800);
  for (const [size, page] of crew) await page.screenshot({ path: join(folder, `lanterns-lobby-${size}.png`) });
  await host.getByRole("button", { name: "Start" }).click();
  await phase(host, "night");
  await host.keyboard.down("ArrowRight");
  await host.waitForTimeout(3000);
  await host.keyboard.up("ArrowRight");
  for (const [size, page] of crew) await page.screenshot({ path: join(folder, `lanterns-night-${size}.png`) });
  await host.waitForFunction(() => airboat.room.state.phase.name === "dawn", null, { ...WAIT, timeout: 90_000 });
  await host.waitForTimeout(2500);
  for (const [size, page] of crew) await page.screenshot({ path: join(folder, `lanterns-dawn-${size}.png`) });
  const any = await enter(await windows.open(DESKTOP), { module: "warbattles", view: "plain", room: "any", transport: "websocket" });
  await any.keyboard.down("ArrowUp");
  await any.waitForTimeout(2000);
  await any.screenshot({ path: join(folder, "any-desktop-light.png") });
}

await playOut({ server, browser, windows }, async () => {
  if (process.env.AIRBOAT_SCREENSHOTS) await screenshots();
  else {
    await refusesPolitely();
    await playsAny();
    await playsLanterns();
    await startsOnSmallPhones();
    await reloadsWhilePlayed();
  }
});
