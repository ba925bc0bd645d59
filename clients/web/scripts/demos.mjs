// Builds demos/dist/, or another folder named as the first argument: the pages that the server carries.

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export async function buildDemosInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: [...["front", "play", "any", "sample"].map((page) => `demos/src/${page}.ts`), "demos/styles/site.css"],
    entryNames: "[name]",
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox113", "safari16.4"],
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  cpSync(join(root, "demos", "pages"), folder, { recursive: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildDemosInto(resolve(process.argv[2] ?? join(root, "demos", "dist")));
}
