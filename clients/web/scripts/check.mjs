// Proves that dist/ and demos/dist/ are what the sources build to.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInto } from "./build.mjs";
import { buildDemosInto } from "./demos.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();

async function compare(name, build) {
  const fresh = mkdtempSync(join(tmpdir(), "airboat-web-"));
  try {
    await build(fresh);
    const kept = join(root, ...name.split("/"));
    const [built, committed] = [files(fresh), files(kept)];
    const wrong = [...new Set([...built, ...committed])].filter(
      (file) =>
        !built.includes(file) ||
        !committed.includes(file) ||
        !readFileSync(join(fresh, file)).equals(readFileSync(join(kept, file))),
    );
    if (wrong.length > 0) {
      console.error(`${name}/ is not what the sources build to: ${wrong.join(", ")}\nRun "npm run build" and commit it.`);
      process.exitCode = 1;
    } else console.log(`${name}/ is what the sources build to (${built.length} files)`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

await compare("dist", buildInto);
await compare("demos/dist", buildDemosInto);
