// The step of each game in TypeScript against the vectors that its step.lua wrote (`airboat module test`).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as tank8 from "../../../modules/tank8/shared/step.js";
import * as warbattles from "../../../modules/warbattles/shared/step.js";
import { close } from "./support.js";

interface Vector {
  arguments: unknown[];
  after: unknown[];
  returns: unknown[];
}

for (const [module, step] of Object.entries({ tank8, warbattles })) {
  test(`${module}: step.ts does what step.lua does`, () => {
    const folder = join(process.env.AIRBOAT_REPO ?? "../..", "modules", module, "shared");
    const vectors = JSON.parse(readFileSync(join(folder, "step.vectors.json"), "utf8")) as Record<string, Vector[]>;
    let count = 0;
    for (const [name, list] of Object.entries(vectors)) {
      const fn = (step as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
      assert.equal(typeof fn, "function", `${module} has no ${name} in TypeScript`);
      list.forEach((vector, i) => {
        const args = structuredClone(vector.arguments);
        const returned = fn(...args);
        close(args, vector.after, `${name} ${i} after`);
        close(returned === undefined ? [] : [returned], vector.returns, `${name} ${i} returns`);
        count++;
      });
    }
    // Every function of the file has to be in there.
    const functions = Object.entries(step).filter(([, value]) => typeof value === "function").map(([name]) => name);
    assert.deepEqual(Object.keys(vectors).sort(), functions.sort());
    assert.ok(count > 20, `${count} vectors`);
  });
}
