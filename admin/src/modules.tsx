// The modules: which version new rooms run, and what is wrong with those that are not well.

import type { Figures, Module, Problem } from "./api";
import * as format from "./format";

export function Modules({ now }: { now: Figures }) {
  if (now.modules.length === 0) return null;
  return (
    <section class="card modules" aria-labelledby="modules-title">
      <h2 id="modules-title">Modules</h2>
      <ul>
        {now.modules.map((module) => (
          <Entry key={module.module} module={module} rooms={now.rooms.filter((room) => room.module === module.module).length} />
        ))}
      </ul>
    </section>
  );
}

function Entry({ module, rooms }: { module: Module; rooms: number }) {
  return (
    <li>
      <p class="line">
        <b>
          <bdi>{module.title}</bdi>
        </b>
        <span class="tag" data-level={module.open ? (module.problem === null ? "good" : "warn") : "bad"}>
          {module.open ? "open" : "closed"}
        </span>
      </p>
      <p class="module">
        {module.module} <code title={module.version}>{format.version(module.version)}</code>, {format.plural(rooms, "room")}
      </p>
      {module.problem !== null && <Trouble problem={module.problem} open={module.open} />}
    </li>
  );
}

const HEADINGS: Record<Problem["kind"], (open: boolean) => string> = {
  load: (open) => (open ? "The newest files do not load; the version before goes on." : "It does not load."),
  reload: () => "A new version failed; the one before goes on.",
  quarantine: () => "Its script was stopped again and again. It opens with its next version.",
};

function Trouble({ problem, open }: { problem: Problem; open: boolean }) {
  const [first = "", ...rest] = problem.text.split("\n");
  const since = new Date(problem.since_unix * 1000);
  return (
    <div class="trouble">
      <p>
        {HEADINGS[problem.kind](open)} <time dateTime={since.toISOString()}>{since.toLocaleTimeString()}</time>
      </p>
      <code class="what">{first}</code>
      {rest.length > 0 && (
        <details>
          <summary>Traceback</summary>
          <code class="what">{rest.join("\n")}</code>
        </details>
      )}
    </div>
  );
}
