// A server of its own and a browser, for tests that play as people do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

/** Nothing is timed: each step waits for what it is about, and this long at most. */
export const WAIT = { timeout: 30_000, polling: 50 };
export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function checkAccess(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document));
  const grave = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  assert.deepEqual(grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`), [], `accessibility of ${what}`);
}

/** Nothing of it sticks out of its box, and none of it out of the window. */
export async function checkFit(page, selector) {
  const misfits = await page.evaluate((selector) => {
    const within = document.querySelector(selector).getBoundingClientRect();
    const all = [...document.querySelectorAll(`${selector}, ${selector} *`)].filter((e) => e.clientWidth > 0);
    const out = all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => `${e.textContent.slice(0, 40)}: ${e.scrollWidth} > ${e.clientWidth}`);
    if (within.left < 0 || within.top < 0 || within.right > innerWidth || within.bottom > innerHeight) out.push("beyond the window");
    return out;
  }, selector);
  assert.deepEqual(misfits, [], `what does not fit in ${selector}`);
}

/** None of these lies over another. */
export async function checkApart(page, what, selectors) {
  const overlaps = await page.evaluate((selectors) => {
    const boxes = selectors.flatMap((s) => [...document.querySelectorAll(s)].map((e) => [s, e.getBoundingClientRect()]));
    const seen = boxes.filter(([, b]) => b.width > 0);
    const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const pairs = seen.flatMap(([s, a], i) => seen.slice(i + 1).filter(([, b]) => over(a, b)).map(([t]) => `${s} and ${t}`));
    return [...pairs, ...seen.filter(([, b]) => b.left < 0 || b.right > innerWidth).map(([s]) => `${s} leaves the window`)];
  }, selectors);
  assert.deepEqual(overlaps, [], what);
}

const FLAGS = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(repository, "target");
  const candidates = [process.env.AIRBOAT_BIN, join(target, "release", "airboat"), join(target, "debug", "airboat")];
  const found = process.env.AIRBOAT_BIN ?? candidates.filter(Boolean).find((path) => existsSync(path));
  if (!found || !existsSync(found)) throw new Error(`no server to test: build it, or name it in AIRBOAT_BIN (${found ?? target})`);
  return resolve(found);
}

/** A folder for `startServer`, with modules that a test may change. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "airboat-play-"));
  cpSync(join(repository, "modules"), join(folder, "modules"), { recursive: true });
  return folder;
}

/** Starts the server on a free port, with an empty database; or in a folder that a server ran in before, and on its port. */
export async function startServer(kept = undefined, port = "0") {
  const folder = kept ?? mkdtempSync(join(tmpdir(), "airboat-play-"));
  const modules = join(kept ?? repository, "modules");
  const args = ["--port", port, "--data", join(folder, "data"), "--certs", join(folder, "certs")];
  // What is in the environment for us would be settings to it.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(AIRBOAT_|PORT$)/.test(key)));
  const child = spawn(binary(), [...args, "--modules", modules], { cwd: folder, env });
  let said = "";
  const url = await new Promise((done, failed) => {
    const hear = (text) => {
      said += text;
      const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (port) done(`http://127.0.0.1:${port}`);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", (text) => (said += text));
    child.on("exit", (code) => failed(new Error(`the server ended (${code}): ${said}`)));
  });
  return {
    url,
    said: () => said,
    /** As a crash does: without a word. */
    async crash() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      const code = await ended;
      if (!kept) rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    ignoreDefaultArgs: ["--headless"],
    args: FLAGS,
  });

// With AIRBOAT_PAGES=1 scripts and styles are those of demos/dist, not those that the server was built with.
const pageFile = ({ pathname }) => join(repository, "clients", "web", "demos", "dist", pathname.replace("/assets/", ""));
const isPage = (url) => url.pathname.startsWith("/assets/") && existsSync(pageFile(url));

async function fromDisk(route) {
  const response = await route.fetch();
  await route.fulfill({ response, body: readFileSync(pageFile(new URL(route.request().url()))) });
}

/** What went wrong in any page, to be empty at the end. A page that is cut off may say so. */
export function watchfulContexts(browser) {
  const complaints = [];
  let forgiven = /^$/;
  return {
    complaints,
    /** Until the next call: messages that a cut connection causes. */
    forgive: (pattern = /^$/) => (forgiven = pattern),
    async open(options = {}) {
      const context = await browser.newContext(options);
      await context.exposeFunction("reportViolation", (text) => complaints.push(`policy: ${text}`));
      await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (e) => reportViolation(`${e.violatedDirective} ${e.blockedURI}`));
        // The connections, so that a test can cut them as a network would.
        window.links = [];
        for (const name of ["WebTransport", "WebSocket"]) {
          const Real = window[name];
          if (!Real) continue; // about:blank is no secure context
          window[name] = class extends Real {
            constructor(...args) {
              super(...args);
              window.links.push(this);
            }
          };
        }
      });
      if (process.env.AIRBOAT_PAGES) await context.route(isPage, fromDisk);
      context.on("page", (page) => {
        page.on("pageerror", (error) => complaints.push(`error: ${error.stack}`));
        page.on("console", (message) => {
          if (message.type() !== "error" && message.type() !== "warning") return;
          if (!forgiven.test(message.text())) complaints.push(`console: ${message.text()} (${page.url()})`);
        });
      });
      return context;
    },
  };
}

/** Plays, and says what there is to know when it went wrong. The process fails then, and when the server does not end well. */
export async function playOut({ server, browser, windows }, play) {
  try {
    await play();
    assert.deepEqual(windows.complaints, [], "errors in the pages");
    console.log("all well");
  } catch (error) {
    console.error(error);
    if (windows.complaints.length > 0) console.error("in the pages:", windows.complaints);
    console.error(`the server said:\n${server.said()}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
    const code = await server.stop();
    if (code !== 0) {
      console.error(`the server ended with ${code}`);
      process.exitCode = 1;
    }
  }
}
