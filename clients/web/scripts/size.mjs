// Fails when a bundle is larger than promised.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMIT = 16 * 1000;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

for (const name of ["airboat.mjs", "airboat.iife.js"]) {
  const bytes = readFileSync(join(root, "dist", name));
  const packed = gzipSync(bytes, { level: 9 }).length;
  console.log(`${name}: ${bytes.length} bytes, ${packed} gzipped (at most ${LIMIT})`);
  if (packed > LIMIT) process.exitCode = 1;
}
