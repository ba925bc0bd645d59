// One figure over the last minutes: a line over a soft ground, drawn as SVG. Gaps are seconds without a value.

import { useSignal } from "@preact/signals";
import { HISTORY_SECS } from "./state";
import { duration } from "./format";

const WIDTH = 300;
const HEIGHT = 60;

export interface Series {
  /** Seconds and values, oldest first. */
  points: [number, number | null][];
  now: number;
  show: (value: number | null) => string;
  label: string;
}

/** Whole minutes, as many as there are points for: a young server's few are not squeezed into a corner. */
const spanOf = (secs: number) => Math.min(HISTORY_SECS, Math.max(1, Math.ceil(secs / 60)) * 60);

/** The next round number above. */
function ceiling(value: number): number {
  if (value <= 0) return 1;
  const ten = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * ten >= value) ?? 10) * ten;
}

export function Chart({ points, now, show, label }: Series) {
  const hovered = useSignal<number | null>(null);
  const seen = points.filter(([at]) => at >= now - HISTORY_SECS);
  const span = spanOf(now - (seen[0]?.[0] ?? now));
  const values = seen.flatMap(([, value]) => (value === null ? [] : [value]));
  const highest = values.length === 0 ? null : Math.max(...values);
  const top = ceiling((highest ?? 0) * 1.05);
  const x = (at: number) => ((at - now + span) / span) * WIDTH;
  const y = (value: number) => HEIGHT - 1 - (value / top) * (HEIGHT - 3);

  const runs: [number, number][][] = [[]];
  for (const [at, value] of seen) {
    const run = runs[runs.length - 1]!;
    const last = run.at(-1);
    if (value === null || (last !== undefined && at - last[0] > 3)) runs.push(value === null ? [] : [[at, value]]);
    else run.push([at, value]);
  }
  const line = (run: [number, number][]) => run.map(([at, v], n) => `${n === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const drawn = runs.filter((run) => run.length > 0);
  const ground = (run: [number, number][]) => `${line(run)}V${HEIGHT}H${x(run[0]![0]).toFixed(1)}Z`;

  const point = hovered.value === null ? null : (seen[hovered.value] ?? null);
  const hover = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const at = now - span + ((event.clientX - box.left) / box.width) * span;
    let nearest: number | null = null;
    seen.forEach(([time], n) => {
      if (nearest === null || Math.abs(time - at) < Math.abs(seen[nearest]![0] - at)) nearest = n;
    });
    hovered.value = nearest;
  };
  const current = seen.at(-1)?.[1] ?? null;
  const summary = `${label}, last ${duration(span)}: now ${show(current)}, highest ${show(highest)}`;

  return (
    <div class="chart" onPointerMove={hover} onPointerLeave={() => (hovered.value = null)}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={summary}>
        <line class="floor" x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        {drawn.map((run) => (
          <>
            <path class="ground" d={ground(run)} />
            <path class="line" d={run.length > 1 ? line(run) : `${line(run)}h1`} />
          </>
        ))}
      </svg>
      {point !== null && (
        <>
          <i class="cursor" style={{ left: `${(x(point[0]) / WIDTH) * 100}%` }} />
          {point[1] !== null && (
            <i class="dot" style={{ left: `${(x(point[0]) / WIDTH) * 100}%`, top: `${(y(point[1]) / HEIGHT) * 100}%` }} />
          )}
        </>
      )}
      <p class="scale" aria-hidden="true">
        {point === null ? (
          <>
            <span>{duration(span)}</span>
            <span>max {show(highest)}</span>
          </>
        ) : (
          <>
            <span>{now === point[0] ? "now" : `${duration(now - point[0])} ago`}</span>
            <span class="read">{show(point[1])}</span>
          </>
        )}
      </p>
    </div>
  );
}
