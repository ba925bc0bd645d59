// Short names for private members, for the bundler. Names that stand in one source file alone never meet those of another,
// so both may become the same letter: that packs better than a name of its own for each.

import { readFileSync } from "node:fs";

/** Besides those with an underscore: names that no program, no page and no other bundle has to know. */
const INTERNAL = [
  ..."varint signed take big float raw u8 u16 u32 finish reserve merge rows spare shown arriving leaving advance".split(" "),
  ..."adopt pump patch replied tend ageUs hint identity claim saveToken ladder climb worked failed".split(" "),
  ..."onframe onclosed onpoll mayBeLost dialers around hashes".split(" "),
  ..."newest kept pressed resent arrived answered present tell wish wake hide heard dead".split(" "),
  ..."pos left link active frame open ping due show pong joined resumed hash copy channel local note pause move steps aim timer reset path end apply saved sent f64".split(" "),
];
const NAMES = `(?:_[a-z]\\w*|(?:${INTERNAL.join("|")})(?![\\w$]))`;
const FIND = new RegExp(`(?<![\\w$])${NAMES}`, "g");

/** What terser may rename. */
export const PRIVATE = new RegExp(`^${NAMES}$`);

const LETTERS = "tiserhnolaufcwdpmgyvbkjqz";
/** Classes are derived from what is in here. */
const SHARED = /link\.ts$/;

/** A name cache for terser; `text` is the bundle, `sources` the files in it. */
export function shortNames(text, sources) {
  const counts = new Map();
  for (const [name] of text.matchAll(FIND)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const files = new Map([...counts.keys()].map((name) => [name, new Set()]));
  for (const source of sources) {
    for (const [name] of readFileSync(source, "utf8").matchAll(FIND)) files.get(name)?.add(source);
  }
  const home = (name) => {
    const [first, ...more] = files.get(name);
    return more.length > 0 || first === undefined || SHARED.test(first) ? "everywhere" : first;
  };
  // Public names of that length are taken.
  const taken = new Map([["everywhere", new Set([...text.matchAll(/(?:\.|[{,]\s*)([a-zA-Z]\w?)(?![\w$])/g)].map((m) => m[1]))]]);
  const meets = (file, short) =>
    taken.get("everywhere").has(short) ||
    (file === "everywhere" ? [...taken.values()].some((names) => names.has(short)) : taken.get(file)?.has(short));
  const props = {};
  for (const [name] of [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))) {
    const file = home(name);
    const shorts = function* () {
      yield* LETTERS;
      for (const a of LETTERS) for (const b of LETTERS) yield a + b;
    };
    for (const short of shorts()) {
      if (meets(file, short)) continue;
      if (!taken.has(file)) taken.set(file, new Set());
      taken.get(file).add(short);
      props[`$${name}`] = short;
      break;
    }
  }
  return { props: { props } };
}
