// Builds dist/, or another folder named as the first argument: `node scripts/build.mjs [folder]`.
//
// The result depends on the sources, the shared colours and the versions in package-lock.json alone, so it can be
// compared byte for byte.

import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: { panel: "src/main.tsx" },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "warning",
    banner: { js: "/* Airboat panel, MIT. Contains Preact and its signals, MIT. Built from admin/src by npm run build. */" },
  });
  for (const file of readdirSync(join(root, "static"))) copyFileSync(join(root, "static", file), join(folder, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildInto(resolve(process.argv[2] ?? join(root, "dist")));
}
