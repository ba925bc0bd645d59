// What an admin sees: how the server does, and what runs on it.

import { Chart } from "./chart";
import * as format from "./format";
import { Mark } from "./mark";
import { Modules } from "./modules";
import { Rooms } from "./rooms";
import { figures, history, leave, live, toast } from "./state";
import type { Figures } from "./api";

export function Dashboard({ admin }: { admin: string }) {
  const now = figures.value;
  return (
    <>
      <header class="top">
        <p class="brand">
          <Mark /> Airboat
        </p>
        <p class="state" role="status" data-live={live.value}>
          {live.value ? "Live" : "Connecting…"}
        </p>
        <p class="about">{now && `${now.version}, up ${format.duration(now.uptime_secs)}`}</p>
        <div class="who">
          <bdi class="name">{admin}</bdi>
          <button type="button" onClick={() => void leave()}>
            Log out
          </button>
        </div>
      </header>
      <main class="board">
        <h1 class="unseen">Dashboard</h1>
        {now === null ? <p class="waiting">Waiting for the first figures…</p> : <Board now={now} />}
      </main>
      <p class="toast" role="status" data-shown={toast.value !== ""}>
        {toast}
      </p>
    </>
  );
}

function Board({ now }: { now: Figures }) {
  const skipped = now.ticks_skipped_total > 0 ? `, ${format.plural(now.ticks_skipped_total, "tick")} skipped so far` : "";
  return (
    <>
      <section class="figures" aria-labelledby="figures-title">
        <h2 id="figures-title" class="unseen">
          Figures
        </h2>
        <Figure title="Players" at={1} show={format.count} note={`${format.plural(now.sessions_held, "session")} held`} tone="accent" />
        <Figure title="Rooms" at={2} show={format.count} note={`${format.count(now.ticks_per_second)} ticks a second`} tone="accent" />
        <Figure title="Tick time, p99" at={3} show={format.micros} note={`p50 ${format.micros(now.tick_us.p50)}`} />
        <Figure
          title="Lateness, p99"
          at={4}
          show={format.micros}
          note={`p50 ${format.micros(now.lateness_us.p50)}${skipped}`}
          alarm={now.ticks_skipped > 0}
        />
        <Figure title="CPU" at={5} show={format.percent} note={`of ${now.cores * 100} %, ${format.plural(now.cores, "core")}`} />
        <Figure title="Memory" at={6} show={format.bytes} note={`${format.count(now.threads)} threads, ${format.count(now.open_files)} open files`} />
        <Figure title="Received" at={7} show={format.rate} note="from players" />
        <Figure title="Sent" at={8} show={format.rate} note="to players" />
      </section>
      <div class="columns">
        <div class="column">
          <Transports now={now} />
          <Modules now={now} />
        </div>
        <Rooms now={now} />
      </div>
    </>
  );
}

interface FigureProps {
  title: string;
  /** Where in a point of the history it stands. */
  at: number;
  show: (value: number | null) => string;
  note: string;
  tone?: "accent";
  alarm?: boolean;
}

function Figure({ title, at, show, note, tone, alarm }: FigureProps) {
  const points = history.value;
  const newest = points.at(-1);
  const series = points.map((point): [number, number | null] => [point[0] ?? 0, point[at] ?? null]);
  // The unit stands smaller than the number.
  const [number, ...unit] = show(newest?.[at] ?? null).split(" ");
  return (
    <article class="card figure" data-tone={tone} data-alarm={alarm}>
      <h3>{title}</h3>
      <p class="big">
        {number}
        {unit.length > 0 && <small> {unit.join(" ")}</small>}
      </p>
      <p class="note">{note}</p>
      <Chart points={series} now={newest?.[0] ?? 0} show={show} label={title} />
    </article>
  );
}

function Transports({ now }: { now: Figures }) {
  const all = Math.max(1, now.players);
  return (
    <section class="card transports" aria-labelledby="transports-title">
      <h2 id="transports-title">Players by transport</h2>
      <div class="split" aria-hidden="true">
        {now.transports.map((t) => (
          <i key={t.name} data-transport={t.name} style={{ width: `${(t.players / all) * 100}%` }} />
        ))}
      </div>
      <table>
        <thead>
          <tr>
            <th scope="col">Transport</th>
            <th scope="col" class="number">
              Players
            </th>
            <th scope="col" class="number">
              Links
            </th>
            <th scope="col" class="number">
              In/s
            </th>
            <th scope="col" class="number">
              Out/s
            </th>
          </tr>
        </thead>
        <tbody>
          {now.transports.map((t) => (
            <tr key={t.name} data-idle={t.players === 0 && t.connections === 0}>
              <th scope="row">
                <i class="swatch" data-transport={t.name} aria-hidden="true" />
                {format.transportName(t.name)}
              </th>
              <td class="number">{format.count(t.players)}</td>
              <td class="number">{format.count(t.connections)}</td>
              <td class="number">{format.bytes(t.bytes_in_per_second)}</td>
              <td class="number">{format.bytes(t.bytes_out_per_second)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
