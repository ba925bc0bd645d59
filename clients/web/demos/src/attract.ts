// The front page's little show: the game's own drawings, moved by a few lines of make-believe. Nothing is connected.

import { dice, emptyScene, type Field, type Flying, type Soldier, type Tank } from "./scene.js";
import { Stage } from "./stage.js";

// What is worth seeing happens in the middle and to the right of it: the title stands on the left, a phone cuts both ends.
const FIELD: Field = {
  width: 900,
  height: 330,
  paths: [
    [350, 170, 500, 128, 610, 60, 800, 70, 850, 170, 790, 262, 620, 248, 480, 268, 380, 246],
    [-60, 90, 130, 96, 240, 250, 350, 170, 380, 246, 260, 300, 60, 262, -60, 280],
  ],
  ponds: [690, 162, 52, 150, 200, 44],
  trees: [24, 30, 300, 40, 872, 40, 876, 286, 560, 196, 420, 50, 30, 150, 300, 318, 560, 312, 700, 20, 470, 195],
  bushes: [540, 60, 250, 130, 420, 100, 610, 160, 800, 130, 330, 290, 730, 300, 100, 130, 770, 215],
};
const TEAM = ["Otter", "Heron", "Newt"];

interface Driver extends Tank {
  path: number;
  way: number;
  back: number;
}

interface Walker extends Soldier {
  goalX: number;
  goalY: number;
  loaded: number;
}

function along(points: number[], distance: number): { x: number; y: number; heading: number } {
  const n = points.length / 2;
  for (let i = 0; ; i = (i + 1) % n) {
    const [x, y] = [points[i * 2]!, points[i * 2 + 1]!];
    const [nx, ny] = [points[((i + 1) % n) * 2]!, points[((i + 1) % n) * 2 + 1]!];
    const far = Math.hypot(nx - x, ny - y);
    if (distance < far) {
      const t = distance / far;
      return { x: x + (nx - x) * t, y: y + (ny - y) * t, heading: Math.atan2(ny - y, nx - x) };
    }
    distance -= far;
  }
}

export function attract(canvas: HTMLCanvasElement): void {
  const stage = new Stage(canvas, FIELD, { cover: true });
  const random = dice(21);
  const scene = emptyScene();
  const rockets: (Flying & { left: number })[] = [];
  const tanks: Driver[] = [100, 420, 800, 60].map((way, i) => ({ id: i + 1, x: 0, y: 0, heading: 0, path: i === 3 ? 1 : 0, way, back: 0 }));
  const soldiers: Walker[] = TEAM.map((name, i) => ({
    id: 100 + i, name, colour: i, me: i === 0, away: false, heading: 0, moving: true, loaded: 1 + i,
    x: 430 + i * 90, y: i === 1 ? 215 : 160 + i * 30, goalX: 400 + i * 110, goalY: 200,
  }));
  let next = 1000;

  const step = (dt: number) => {
    for (const tank of tanks) {
      if (tank.back > 0 && (tank.back -= dt) > 0) continue;
      tank.way += 34 * dt;
      const [nose, tail] = [along(FIELD.paths[tank.path]!, tank.way + 14), along(FIELD.paths[tank.path]!, tank.way)];
      [tank.x, tank.y, tank.heading] = [tail.x, tail.y, Math.atan2(nose.y - tail.y, nose.x - tail.x)];
    }
    const living = tanks.filter((tank) => tank.back <= 0);
    for (const soldier of soldiers) walk(soldier, living, dt);
    for (const rocket of [...rockets]) {
      rocket.x += rocket.vx * dt;
      rocket.y += rocket.vy * dt;
      const hit = living.find((tank) => Math.hypot(tank.x - rocket.x, tank.y - rocket.y) < 15);
      if (hit) {
        stage.effects.boom(hit.x, hit.y);
        stage.effects.float(hit.x, hit.y, "+100");
        [hit.back, hit.id] = [2.5, next++];
        hit.way += 320;
      }
      if (hit || (rocket.left -= dt) < 0) rockets.splice(rockets.indexOf(rocket), 1);
    }
    scene.tanks = tanks.filter((tank) => tank.back <= 0);
    scene.soldiers = soldiers;
    scene.rockets = rockets;
  };

  const walk = (soldier: Walker, living: Driver[], dt: number) => {
    const [dx, dy] = [soldier.goalX - soldier.x, soldier.goalY - soldier.y];
    const prey = living.find((tank) => Math.hypot(tank.x - soldier.x, tank.y - soldier.y) < 170);
    soldier.loaded -= dt;
    if (prey && soldier.loaded < 0) {
      const lead = Math.hypot(prey.x - soldier.x, prey.y - soldier.y) / 210;
      const [tx, ty] = [prey.x + Math.cos(prey.heading) * 34 * lead, prey.y + Math.sin(prey.heading) * 34 * lead];
      soldier.heading = Math.atan2(ty - soldier.y, tx - soldier.x);
      const [vx, vy] = [Math.cos(soldier.heading) * 210, Math.sin(soldier.heading) * 210];
      rockets.push({ id: next++, x: soldier.x + vx * 0.08, y: soldier.y + vy * 0.08, vx, vy, left: 1.3 });
      stage.effects.muzzle(soldier.x, soldier.y, soldier.heading);
      soldier.loaded = 1.4 + random() * 1.6;
      soldier.moving = false;
      return;
    }
    if (soldier.loaded > 1.2) return; // takes aim, then watches it fly
    if (Math.hypot(dx, dy) < 8) [soldier.goalX, soldier.goalY] = [340 + random() * 360, 90 + random() * 160];
    soldier.heading = Math.round(Math.atan2(dy, dx) / (Math.PI / 4)) * (Math.PI / 4);
    soldier.moving = true;
    soldier.x += Math.cos(soldier.heading) * 52 * dt;
    soldier.y += Math.sin(soldier.heading) * 52 * dt;
  };

  // Something has happened already when one first looks.
  for (let i = 0; i < 150; i++) {
    step(1 / 30);
    stage.effects.step(1 / 30);
  }
  let last = performance.now();
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const frame = (now: number) => {
    const dt = still.matches ? 0 : Math.min(0.05, (now - last) / 1000);
    last = now;
    if (document.visibilityState === "visible" && canvas.getBoundingClientRect().bottom > 0) {
      step(dt);
      stage.draw(scene, dt);
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
