// Builds dist/, or another folder named as the first argument: `node scripts/build.mjs [folder]`.
//
// The result depends on the sources and the versions in package-lock.json alone, so it can be compared byte for byte.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { PRIVATE, shortNames } from "./names.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// esbuild puts the modules together, terser packs tighter than esbuild does. `builtins`: of the names in names.mjs none is
// used as the browser's, though browsers have some of them, too.
async function bundle(entry, format, outfile) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    minifySyntax: true,
    format,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  const { text } = outputFiles[0];
  const { code } = await minify(text, {
    module: format === "esm",
    ecma: 2020,
    compress: { passes: 4, unsafe_arrows: true, pure_getters: true, keep_fargs: false, hoist_funs: true },
    mangle: { properties: { regex: PRIVATE, builtins: true } },
    nameCache: shortNames(text, Object.keys(metafile.inputs).map((file) => join(root, file))),
    format: { preamble: "/* Airboat, MIT */" },
  });
  writeFileSync(outfile, `${code}\n`);
}

export async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await bundle("src/index.ts", "esm", join(folder, "airboat.mjs"));
  for (const name of ["predict", "buffer", "debug"]) await bundle(`src/${name}.ts`, "esm", join(folder, `${name}.mjs`));
  await bundle("src/iife.ts", "iife", join(folder, "airboat.iife.js"));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = ["-p", root, "--declaration", "--emitDeclarationOnly", "--outDir", join(folder, "types")];
  execFileSync(process.execPath, [tsc, ...args], { stdio: "inherit" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildInto(resolve(process.argv[2] ?? join(root, "dist")));
}
