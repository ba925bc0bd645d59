// Proves that dist/ is what the sources build to.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInto } from "./build.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const fresh = mkdtempSync(join(tmpdir(), "airboat-admin-"));
try {
  await buildInto(fresh);
  const kept = join(root, "dist");
  const [built, committed] = [readdirSync(fresh), readdirSync(kept)];
  const wrong = [...new Set([...built, ...committed])].filter(
    (file) =>
      !built.includes(file) ||
      !committed.includes(file) ||
      !readFileSync(join(fresh, file)).equals(readFileSync(join(kept, file))),
  );
  if (wrong.length > 0) {
    console.error(`dist/ is not what the sources build to: ${wrong.join(", ")}\nRun "npm run build" and commit dist/.`);
    process.exitCode = 1;
  } else console.log(`dist/ is what the sources build to (${built.length} files)`);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
