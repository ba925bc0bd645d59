// What `airboat types --typescript` makes, used with this library as docs/modules-testing.md shows it: TypeScript has
// nothing to say, and says something about a misspelt name. That the file is what the command makes is tested beside it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";

const repository = process.env.AIRBOAT_REPO ?? "../..";
const folder = join(repository, "src", "tools", "expected");
const types = join(repository, "clients", "web", "dist", "types");
const shown = readFileSync(join(repository, "docs", "modules-testing.md"), "utf8").split("```ts\n")[1]!.split("```")[0]!;

/** The libraries' files are read once. */
const files = new Map<string, ts.SourceFile | undefined>();

/** What TypeScript says of a file beside the generated one. */
function complaints(text: string, options: ts.CompilerOptions = {}): string[] {
  const file = join(folder, "main.ts");
  const all: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    strict: true,
    noEmit: true,
    types: [],
    paths: { airboat: [join(types, "index.d.ts")], "airboat/predict": [join(types, "predict.d.ts")] },
    ...options,
  };
  const host = ts.createCompilerHost(all);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
    if (!files.has(name)) files.set(name, getSourceFile(name, ...rest));
    return files.get(name);
  };
  const found = ts.getPreEmitDiagnostics(ts.createProgram([file], all, host));
  return found.map((one) => `TS${one.code}: ${ts.flattenDiagnosticMessageText(one.messageText, " ")}`);
}

test("the generated types fit the library, as the manual uses them", () => {
  assert.deepEqual(complaints(shown), []);
  assert.deepEqual(complaints(shown, { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }), []);
});

test("what is held fits the library's own room, too", () => {
  assert.deepEqual(complaints(`${shown}\nroom.input(held);\ntyped.input({ mx: 0.5 });\ntyped.own("lantern")?.view.mood;`), []);
});

test("misspelt names are errors", () => {
  for (const wrong of [
    'typed.entities("lanterns")',
    'typed.own("lantern")?.lid',
    'typed.own("lantern")?.view.id',
    "typed.input({ mxx: 1 })",
    'typed.input({ mood: "away" })',
    'typed.press("puf")',
    'typed.send("vot", 1)',
  ]) {
    assert.equal(complaints(`${shown}\n${wrong};`).length, 1, wrong);
  }
});
