// Documents: patches in place, identities, watchers, and paths that must not get out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../src/codec.js";
import { Documents } from "../src/document.js";
import { CodecError } from "../src/errors.js";

const start = () => {
  const documents = new Documents();
  documents.restart({ state: { score: { "1": 3 }, words: ["a", "b"], deep: { er: { x: 1 } } }, players: { "1": { name: "ann" } }, secret: {} });
  return documents;
};

test("objects stay the same through patches, whole documents and new epochs", () => {
  const documents = start();
  const { state, players } = documents;
  const [score, words, ann] = [state.score, state.words, players["1"]];
  documents.patch("state", [[["score", "2"], 7], [["words", 3], "c"]]);
  documents.patch("players", [[["1"], { name: "anna", role: "host" }]]);
  assert.deepEqual(state, { score: { "1": 3, "2": 7 }, words: ["a", "b", "c"], deep: { er: { x: 1 } } });
  documents.restart({ state: { score: { "2": 8 }, words: ["z"] }, players: { "1": { name: "ann" } } });
  assert.deepEqual(state, { score: { "2": 8 }, words: ["z"] });
  assert.equal(documents.state, state);
  assert.equal(state.score, score);
  assert.equal(state.words, words);
  assert.equal(players["1"], ann);
  assert.deepEqual(ann, { name: "ann" });
});

test("lists grow at their end and shrink from it", () => {
  const documents = start();
  documents.patch("state", [[["words", 2]], [["words", 1], "x"]]);
  assert.deepEqual(documents.state.words, ["x"]);
  for (const operation of [[["words", 3], 1], [["words", 0], 1], [["words", 2]], [["words", "a"], 1], [["score", "1", "x"], 1]]) {
    assert.throws(() => documents.patch("state", [operation]), CodecError, JSON.stringify(operation));
  }
});

test("watchers hear of changes above, at and below their path", () => {
  const documents = start();
  const heard: unknown[] = [];
  const stop = documents.watch("state.deep.er", (value) => heard.push(structuredClone(value)));
  documents.patch("state", [[["deep", "er", "x"], 2]]);
  documents.patch("state", [[["deep"], { er: { x: 3 } }]]);
  documents.patch("state", [[["score"], {}]]);
  documents.patch("state", [[["deep"]]]);
  stop();
  documents.patch("state", [[["deep"], 1]]);
  assert.deepEqual(heard, [{ x: 2 }, { x: 3 }, undefined]);
  documents.watch(["state", "words", 2], (value) => heard.push(value));
  documents.patch("state", [[["words", 2], "q"]]);
  assert.equal(heard.at(-1), "q");
});

test("keys that name parts of every object are keys like others", () => {
  const documents = start();
  documents.patch("state", [[["__proto__", "polluted"], 1], [["constructor", "prototype", "polluted"], 1]]);
  documents.patch("__proto__", [[["polluted"], 1]]);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.deepEqual(Object.keys(documents.state).sort(), ["__proto__", "constructor", "deep", "score", "words"]);
  const value = decode(Uint8Array.of(0x81, 0xa9, ...Buffer.from("__proto__"), 0x81, 0xa1, 0x78, 1)) as object;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.keys(value), ["__proto__"]);
});

test("maps are written in the order of their keys' bytes", () => {
  const keys = ["b", "a", "ü", "\u{10000}", "\uffee", "aa"];
  const out = decode(encode(Object.fromEntries(keys.map((k) => [k, 1])))) as object;
  assert.deepEqual(Object.keys(out), [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))));
});

test("values that cannot be carried are the program's mistake", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assert.throws(() => encode(cycle), TypeError);
  assert.throws(() => encode({ f: () => 1 }), TypeError);
  assert.throws(() => encode(10n), TypeError);
});
