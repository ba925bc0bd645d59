// Fails when a bundle is larger than promised.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Bytes, gzipped. */
const LIMITS = { "airboat.mjs": 16_000, "airboat.iife.js": 16_000, "predict.mjs": 3_000, "buffer.mjs": 2_000, "debug.mjs": 1_000 };
const root = dirname(dirname(fileURLToPath(import.meta.url)));

for (const [name, limit] of Object.entries(LIMITS)) {
  const bytes = readFileSync(join(root, "dist", name));
  const packed = gzipSync(bytes, { level: 9 }).length;
  console.log(`${name}: ${bytes.length} bytes, ${packed} gzipped (at most ${limit})`);
  if (packed > limit) process.exitCode = 1;
}
