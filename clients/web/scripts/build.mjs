// Builds dist/, or another folder named as the first argument: `node scripts/build.mjs [folder]`.
//
// The result depends on the sources and the versions in package-lock.json alone, so it can be compared byte for byte.

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  const common = {
    absWorkingDir: root,
    entryPoints: ["src/index.ts"],
    bundle: true,
    minify: true,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    // Private members begin with an underscore, and nothing else does.
    mangleProps: /^_/,
    logLevel: "warning",
    banner: { js: "/* Airboat web client, MIT. Built from clients/web/src by npm run build. */" },
  };
  await build({ ...common, format: "esm", outfile: join(folder, "airboat.mjs") });
  await build({ ...common, format: "iife", globalName: "Airboat", outfile: join(folder, "airboat.iife.js") });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = ["-p", root, "--declaration", "--emitDeclarationOnly", "--outDir", join(folder, "types")];
  execFileSync(process.execPath, [tsc, ...args], { stdio: "inherit" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildInto(resolve(process.argv[2] ?? join(root, "dist")));
}
