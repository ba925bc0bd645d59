// Builds dist/, or another folder named as the first argument: `node scripts/build.mjs [folder]`.
//
// The result depends on the sources and the versions in package-lock.json alone, so it can be compared byte for byte.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// esbuild puts the modules together, terser packs tighter than esbuild does.
async function bundle(entry, format, outfile) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  const { code } = await minify(outputFiles[0].text, {
    module: format === "esm",
    ecma: 2020,
    compress: { passes: 4, unsafe_arrows: true, pure_getters: true, keep_fargs: false },
    // Private members begin with an underscore, and nothing else does.
    mangle: { properties: { regex: /^_/ } },
    format: { preamble: "/* Airboat web client, MIT. Built from clients/web/src by npm run build. */" },
  });
  writeFileSync(outfile, `${code}\n`);
}

export async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await bundle("src/index.ts", "esm", join(folder, "airboat.mjs"));
  await bundle("src/iife.ts", "iife", join(folder, "airboat.iife.js"));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = ["-p", root, "--declaration", "--emitDeclarationOnly", "--outDir", join(folder, "types")];
  execFileSync(process.execPath, [tsc, ...args], { stdio: "inherit" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildInto(resolve(process.argv[2] ?? join(root, "dist")));
}
