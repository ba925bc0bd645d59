// The panel in a real browser, on a real server: from the one-time link to the logout.
//
//   AIRBOAT_BIN=target/debug/airboat npm test             starts that server in a temporary folder
//   AIRBOAT_URL=… AIRBOAT_SETUP_LINK=… npm test           uses one that runs and has no admin yet
//   AIRBOAT_SCREENSHOTS=1                                 writes docs/screenshots/admin-*.png too
//   AIRBOAT_LOADTEST=target/debug/airboat-loadtest        plays in them over every transport meanwhile
//   CHROMIUM=/usr/bin/chromium                            the browser

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { bots } from "./bot.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PASSWORD = "brass gears turn slowly";
const WAIT = 60_000;

let server, browser;
let folder = null;

before(async () => {
  server = process.env.AIRBOAT_URL
    ? { url: process.env.AIRBOAT_URL, link: process.env.AIRBOAT_SETUP_LINK, stop: async () => {} }
    : await start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    ignoreDefaultArgs: ["--headless"],
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
});

async function start() {
  const binary = process.env.AIRBOAT_BIN ?? join(root, "target", "debug", "airboat");
  folder = mkdtempSync(join(tmpdir(), "airboat-panel-"));
  cpSync(join(root, "modules"), join(folder, "modules"), { recursive: true });
  // A setting of that name is one for the server, and it refuses those it does not know.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("AIRBOAT_"));
  const env = {
    ...Object.fromEntries(others),
    AIRBOAT_PORT: "0",
    AIRBOAT_DATA: join(folder, "data"),
    AIRBOAT_CERTS: join(folder, "certs"),
    AIRBOAT_MODULES: join(folder, "modules"),
    AIRBOAT_LOG: "warn",
  };
  const child = spawn(binary, [], { env, stdio: ["ignore", "pipe", "inherit"] });
  const link = await new Promise((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (data) => {
      printed += data;
      const found = /http:\/\/127\.0\.0\.1:\d+\/admin\/#setup=\w+/.exec(printed);
      if (found) resolve(found[0]);
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", resolve);
      child.kill("SIGTERM");
    });
  return { url: new URL(link).origin, link, stop };
}

/** Bots that play, over all four transports, when there is a program for it. */
function play4(url) {
  const program = process.env.AIRBOAT_LOADTEST;
  if (!program) return [];
  const parts = { quic: [2, 4], webtransport: [1, 6], websocket: [1, 5], http: [1, 2] };
  return Object.entries(parts).map(([transport, [rooms, players]]) =>
    spawn(program, ["--url", url, "--transport", transport, "--rooms", `${rooms}`, "--players", `${players}`, "--seconds", "600"], { stdio: "ignore" }),
  );
}

/** A page that remembers everything wrong with it. `forgive` takes what a test provokes. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  page.wrong = [];
  page.forgive = (pattern) => (page.wrong = page.wrong.filter((text) => !pattern.test(text)));
  page.on("pageerror", (error) => page.wrong.push(`error: ${error.message}`));
  page.on("console", (line) => {
    if (["error", "warning"].includes(line.type())) page.wrong.push(`${line.type()}: ${line.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return page;
}

/** Through the debugger's door, as the page's own policy lets no foreign script in. */
async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return result.violations.map((v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.map((n) => `${n.html} ${n.failureSummary}`) }));
  });
  const serious = found.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(serious, [], name);
}

async function fill(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
}

const THEMES = ["light", "dark"];
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const figure = (page, title) => page.locator(".figure", { has: page.getByRole("heading", { name: title, exact: true }) }).locator(".big");

async function everyLook(page, visit) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const theme of THEMES) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: theme });
      await visit(`${size}-${theme}`);
    }
  }
  await page.setViewportSize(SIZES.desktop);
  await page.emulateMedia({ colorScheme: "light" });
}

async function noSidewaysScroll(page, name) {
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= seen, `${name}: ${wide} wide, ${seen} seen`);
}

test("from the one-time link to the logout", async () => {
  // Nobody has the link: no form, whatever one tries.
  const stranger = await open();
  await stranger.goto(`${server.url}/admin/`);
  await stranger.getByRole("heading", { name: "No admin yet" }).waitFor();
  assert.equal(await stranger.locator("input").count(), 0);
  await accessible(stranger, "no link");

  const page = await open();
  await page.goto(server.link);
  await page.getByRole("heading", { name: "Become the admin" }).waitFor();
  assert.equal(new URL(page.url()).hash, "", "the secret is gone from the address");
  await accessible(page, "setup");
  await fill(page, "Ada", "aaaaaaaaaaaa");
  await page.getByRole("button", { name: "Set password" }).click();
  await page.getByRole("alert").filter({ hasText: "too easy" }).waitFor();
  page.forgive(/422/);
  await fill(page, "Ada", PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("No rooms yet.").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await accessible(page, "empty dashboard");

  // The link a second time.
  const second = await open();
  await second.goto(server.link);
  await second.getByText("This link has been used already.").waitFor();
  await accessible(second, "login");
  await fill(second, "Ada", "not the password");
  await second.getByRole("button", { name: "Log in" }).click();
  await second.getByRole("alert").filter({ hasText: "Wrong name or password." }).waitFor();
  second.forgive(/401/);

  // Players come, and the page shows them without being asked.
  assert.equal(await figure(page, "Players").innerText(), "0");
  const play = await bots(await browser.newContext(), server.url);
  for (let n = 0; n < 8; n++) await play.join(`bot ${n}`, "tank8", ["Reed Pond", "Heron Lake", "<b>Eel</b>"][n % 3]);
  const rooms = page.locator(".rooms tbody tr");
  await rooms.nth(2).waitFor();
  await page.waitForFunction(() => document.querySelector(".figure .big")?.textContent?.trim() === "8");
  await page.getByRole("rowheader", { name: "<b>Eel</b>" }).waitFor();
  assert.equal(await page.locator(".rooms b").count(), 0, "names are text, not markup");
  const sent = figure(page, "Sent");
  await page.waitForFunction(() => !/^0|–/.test([...document.querySelectorAll(".big")].at(-1).textContent));
  const uptime = page.locator(".about");
  const [firstUptime, firstSent] = [await uptime.innerText(), await sent.innerText()];
  await page.waitForFunction((was) => document.querySelector(".about").textContent !== was, firstUptime);
  await page.waitForFunction((was) => [...document.querySelectorAll(".big")].at(-1).innerText !== was, firstSent);
  // Which version a room runs, and what a module's author has just done wrong.
  await page.locator(".rooms tbody .module", { hasText: /^tank8 [0-9a-f]{8}, \d+ Hz$/ }).first().waitFor();
  const tank8 = page.locator(".modules li", { hasText: "tank8" });
  await tank8.getByText("open", { exact: true }).waitFor();
  await tank8.getByText(/3 rooms$/).waitFor();
  const main = folder && join(folder, "modules", "tank8", "main.lua");
  const sound = main && readFileSync(main, "utf8");
  if (main) {
    writeFileSync(main, `${sound}\nlocal = 1\n`);
    await tank8.getByText("The newest files do not load; the version before goes on.").waitFor();
    await tank8.getByText(/^tank8\/main\.lua:\d+: .*near 'local'/).waitFor();
  }
  await everyLook(page, async (look) => {
    await noSidewaysScroll(page, look);
    await accessible(page, `dashboard ${look}`);
  });

  if (process.env.AIRBOAT_SCREENSHOTS) {
    const shots = join(root, "docs", "screenshots");
    mkdirSync(shots, { recursive: true });
    const players = play4(server.url);
    await page.waitForTimeout(players.length > 0 ? 100_000 : 5_000);
    await everyLook(page, async (look) => {
      await page.screenshot({ path: join(shots, `admin-${look}.png`), fullPage: true });
    });
    for (const player of players) player.kill();
  }

  if (main) {
    writeFileSync(main, sound);
    await tank8.locator(".trouble").waitFor({ state: "detached" });
  }

  // A room is closed, with the keyboard, after a question.
  const close = page.getByRole("button", { name: "Close room Heron Lake of tank8" });
  await close.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Close Heron Lake?" });
  await dialog.waitFor();
  await accessible(page, "dialog");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await close.click();
  await dialog.getByRole("button", { name: "Close room" }).click();
  await page.getByText("Heron Lake was closed.").waitFor();
  await page.getByRole("rowheader", { name: "Heron Lake" }).waitFor({ state: "detached" });
  for (const n of [1, 4, 7]) assert.equal(await play.bye(`bot ${n}`), 56, "room closed");

  // Out, and the door is shut; the password opens it again.
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.equal((await page.request.get(`${server.url}/admin/api/rooms`)).status(), 401);
  await page.goto(`${server.url}/admin/`);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await fill(page, "ada", PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  // A fresh page has the last minutes at once.
  await page.waitForFunction(() => document.querySelectorAll(".chart .line")[0].getAttribute("d").split("L").length > 5);

  for (const one of [stranger, page, second]) assert.deepEqual(one.wrong, []);
});
