// How War Battles' page draws beside seven other players who run and shoot, in a real Chromium: the times between frames
// and of the page's own script are printed, not judged, for they are the machine's. What is judged: that all of it moves,
// that what was predicted is what came, and that nothing complains.
//
//   node test/browser/frames.mjs [transport [frames]]      AIRBOAT_BIN, CHROMIUM as for play.mjs

import assert from "node:assert/strict";
import { join } from "node:path";
import { DESKTOP, launch, playOut, repository, startServer, WAIT, watchfulContexts } from "./harness.mjs";

const OTHERS = 7;
const FRAMES = Number(process.argv[3] ?? 600);
const WARM = 120;

const server = await startServer();
const browser = await launch();
const windows = watchfulContexts(browser);

/** Players without a picture: clients in one page that walk to and fro and fire. */
async function company(room) {
  const context = await windows.open({ viewport: { width: 200, height: 100 } });
  const page = await context.newPage();
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ path: join(repository, "clients", "web", "dist", "airboat.iife.js") });
  await page.evaluate(
    async ([room, others]) => {
      for (let n = 0; n < others; n++) {
        const client = Airboat.connect({ name: `Runner ${n + 1}`, profile: `p${n}`, transport: "websocket" });
        const { room: joined, error } = await client.join("warbattles", room);
        if (error) throw new Error(error.message);
        let beat = n;
        setInterval(() => {
          const turn = Math.floor(beat++ / 3 + n) % 8;
          joined.input({ mx: [1, 1, 0, -1, -1, -1, 0, 1][turn], my: [0, 1, 1, 1, 0, -1, -1, -1][turn] });
          if (beat % 4 === 0) joined.press("fire");
        }, 300);
      }
    },
    [room, OTHERS],
  );
}

const share = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))].toFixed(1);
const told = (times) => {
  const sorted = [...times].sort((a, b) => a - b);
  return `p50 ${share(sorted, 0.5)}, p95 ${share(sorted, 0.95)}, p99 ${share(sorted, 0.99)}, longest ${share(sorted, 1)} ms`;
};

await playOut({ server, browser, windows }, async () => {
  const transport = process.argv[2] ?? "websocket";
  const context = await windows.open(DESKTOP);
  await context.addInitScript(() => {
    // What the page's own script takes of each frame.
    window.scripted = [];
    const real = window.requestAnimationFrame;
    window.requestAnimationFrame = (fn) =>
      real.call(window, (now) => {
        const from = performance.now();
        fn(now);
        window.scripted.push(performance.now() - from);
      });
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/play?room=frames&transport=${transport}`);
  await page.waitForFunction(() => window.mine?.view, null, WAIT);
  await company("frames");
  await page.waitForFunction((all) => Object.keys(airboat.room.players).length >= all, OTHERS + 1, WAIT);

  const seen = await page.evaluate(
    async ([frames, warm]) => {
      const { room, client } = airboat;
      const press = (type, code) => dispatchEvent(new KeyboardEvent(type, { code }));
      const keys = ["ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"];
      const [between, slacks, lates] = [[], [], []];
      const moved = new Map();
      const most = {};
      let [last, held] = [0, -1];
      const before = mine.prediction;
      const counts = () => ({ corrections: mine.prediction.corrections, explained: mine.prediction.repeats + mine.prediction.skipped, ...room.playout.counts });
      let [from, substituted] = [];
      for (let n = 0; n < frames + warm; n++) {
        const now = await new Promise(requestAnimationFrame);
        if (n === warm) {
          window.scripted.length = 0;
          from = counts();
          // Once for each input: what the snapshot that first names it says.
          let applied = room.report.applied;
          substituted = room.report.substitutions;
          room.follow({
            restart() {}, hold() {},
            input: (number, values, due) => lates.push(performance.now() - due),
            snapshot() {
              if (room.report.applied !== applied) slacks.push(room.report.slack);
              applied = room.report.applied;
            },
          });
        }
        if (n > warm) between.push(now - last);
        last = now;
        const wanted = Math.floor(n / 40) % keys.length;
        if (wanted !== held) {
          if (held >= 0) press("keyup", keys[held]);
          press("keydown", keys[(held = wanted)]);
        }
        if (n % 30 === 0) ["keydown", "keyup"].forEach((type) => press(type, "Space"));
        for (const name of ["soldier", "tank", "rocket", "shell"]) {
          const entities = [...room.entities(name).values()];
          most[name] = Math.max(most[name] ?? 0, entities.length);
          for (const { id, view } of entities) {
            const was = moved.get(id);
            if (!was) moved.set(id, { name, x: view.x, y: view.y, far: 0 });
            else was.far = Math.max(was.far, Math.hypot(view.x - was.x, view.y - was.y));
          }
        }
      }
      press("keyup", keys[held]);
      const to = counts();
      const walkers = [...moved.values()].filter((thing) => thing.far > 5);
      return {
        between, scripted: window.scripted, most, transport: client.transport, slacks, lates, substituted: room.report.substitutions - substituted,
        moving: Object.fromEntries(["soldier", "tank"].map((name) => [name, walkers.filter((w) => w.name === name).length])),
        corrections: to.corrections - from.corrections, explained: to.explained - from.explained, same: before === mine.prediction,
        looks: Object.fromEntries(["interpolated", "extrapolated", "held"].map((name) => [name, to[name] - from[name]])), delay: (room.playout.delay * 1000) / room.schema.tickRate,
      };
    },
    [FRAMES, WARM],
  );
  assert.ok(seen.same, "one prediction all along");
  assert.ok(seen.moving.soldier >= OTHERS + 1, `${seen.moving.soldier} soldiers moved`);
  assert.ok(seen.moving.tank >= 12, `${seen.moving.tank} tanks moved`);
  assert.ok(seen.most.rocket > 0, "rockets flew");
  // On a clean link only what a tick repeated or passed over can be other than predicted.
  assert.ok(seen.corrections <= seen.explained, `${seen.corrections} corrections, ${seen.explained} of them explained`);
  console.log(`${seen.transport}: ${OTHERS + 1} players; at most ${Object.entries(seen.most).map(([name, n]) => `${n} ${name}s`).join(", ")}`);
  console.log(`between frames: ${told(seen.between)}`);
  console.log(`the page's script in a frame: ${told(seen.scripted)}`);
  console.log(`prediction: ${seen.corrections} corrections; shown ${seen.delay.toFixed(0)} ms late; ${JSON.stringify(seen.looks)}`);
  console.log(`inputs sent after they were due: ${told(seen.lates)}`);
  const third = Math.floor(seen.slacks.length / 3);
  for (const [name, slacks] of [["all along", seen.slacks], ["in the last third", seen.slacks.slice(-third)]]) {
    const sorted = [...slacks].sort((a, b) => a - b);
    console.log(`slack of inputs ${name}: ${[0.05, 0.5, 0.95].map((part) => `p${part * 100} ${share(sorted, part)}`).join(", ")} ms`);
  }
  console.log(`ticks that had to repeat an input: ${seen.substituted & 255} of ${seen.slacks.length}`);
});
