// A server of its own and a browser, for tests that play as people do.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

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

/** Starts the server on a free port, with an empty database. */
export async function startServer() {
  const folder = mkdtempSync(join(tmpdir(), "airboat-play-"));
  const args = ["--port", "0", "--data", join(folder, "data"), "--certs", join(folder, "certs")];
  // What is in the environment for us would be settings to it.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(AIRBOAT_|PORT$)/.test(key)));
  const child = spawn(binary(), [...args, "--modules", join(repository, "modules")], { cwd: folder, env });
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
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      const code = await ended;
      rmSync(folder, { recursive: true, force: true });
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
