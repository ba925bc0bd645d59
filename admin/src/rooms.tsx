// The open rooms, and the dialog that closes one.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import * as api from "./api";
import type { Figures, Room } from "./api";
import * as format from "./format";
import { message, say } from "./state";

/** From this many rooms on there is a field to search them. */
const SEARCH_FROM = 8;

export function Rooms({ now }: { now: Figures }) {
  const closing = useSignal<Room | null>(null);
  const wanted = useSignal("");
  const text = wanted.value.trim().toLowerCase();
  // By name, so that a row stays where it is while players come and go.
  const rooms = now.rooms
    .filter((room) => `${room.module} ${room.name}`.toLowerCase().includes(text))
    .sort((a, b) => a.module.localeCompare(b.module) || a.name.localeCompare(b.name));
  const hidden = now.rooms_open - now.rooms.length;

  return (
    <section class="card rooms" aria-labelledby="rooms-title">
      <div class="heading">
        <h2 id="rooms-title">Rooms</h2>
        {(now.rooms.length >= SEARCH_FROM || text !== "") && (
          <input
            type="search"
            aria-label="Search rooms"
            placeholder="Search"
            value={wanted}
            onInput={(event) => (wanted.value = event.currentTarget.value)}
          />
        )}
      </div>
      {now.rooms_open === 0 ? <Empty now={now} /> : rooms.length === 0 && <p class="empty">No room is called that.</p>}
      {rooms.length > 0 && (
        <table class="cards-on-phones">
          <thead>
            <tr>
              <th scope="col">Room</th>
              <th scope="col">Players</th>
              <th scope="col" class="number">
                Tick
              </th>
              <th scope="col" class="number">
                Late
              </th>
              <th scope="col" class="number">
                Open for
              </th>
              <th scope="col">
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rooms.map((room) => (
              <Row key={`${room.module}/${room.name}`} room={room} close={() => (closing.value = room)} />
            ))}
          </tbody>
        </table>
      )}
      {hidden > 0 && <p class="hint">The {format.count(now.rooms.length)} fullest are shown; {format.count(hidden)} more are open.</p>}
      {closing.value !== null && <CloseDialog room={closing.value} done={() => (closing.value = null)} />}
    </section>
  );
}

const STATES = {
  running: "",
  reopening: "Its script was stopped; it comes back from its checkpoint.",
  penalty: "Its script was stopped; it runs apart until it has gone well for a minute.",
};

/** Who else is there: nobody, most of the time. */
const others = ({ bots, watching }: Room) =>
  (bots > 0 ? `, ${format.plural(bots, "bot")}` : "") + (watching > 0 ? `, ${format.count(watching)} watching` : "");

function Row({ room, close }: { room: Room; close: () => void }) {
  const period = 1e6 / room.tick_rate;
  const load = room.tick_us > period ? "bad" : room.tick_us > period / 2 ? "warn" : "good";
  const late = room.lateness_us > period ? "bad" : room.lateness_us > period / 2 ? "warn" : "good";
  return (
    <tr>
      <th scope="row">
        <bdi class="room">{room.name}</bdi>
        <span class="module">
          {room.module} <code title={room.version}>{format.version(room.version)}</code>, {room.tick_rate} Hz
          {room.state !== "running" && (
            <>
              {" "}
              <span class="tag" data-level={room.state === "reopening" ? "bad" : "warn"} title={STATES[room.state]}>
                {room.state}
              </span>
            </>
          )}
        </span>
      </th>
      <td data-label="Players" class="players">
        <span>
          {format.count(room.players)} <small>of {format.count(room.seats)}{others(room)}</small>
        </span>
        <i class="meter" aria-hidden="true">
          <i style={{ width: `${Math.min(100, (room.players / Math.max(1, room.seats)) * 100)}%` }} />
        </i>
      </td>
      <td data-label="Tick" class="number" data-level={load}>
        {format.micros(room.tick_us)}
      </td>
      <td data-label="Late" class="number" data-level={late}>
        {format.micros(room.lateness_us)}
      </td>
      <td data-label="Open for" class="number">
        {format.duration(room.open_secs)}
      </td>
      <td class="actions">
        <button type="button" onClick={close} aria-label={`Close room ${room.name} of ${room.module}`}>
          Close
        </button>
      </td>
    </tr>
  );
}

function Empty({ now }: { now: Figures }) {
  const home = `${location.origin}/`;
  if (now.modules.length === 0) {
    return (
      <div class="empty">
        <p class="lead">No games are loaded.</p>
        <p>
          Put a folder with a <code>main.lua</code> into the server's <code>modules</code> folder; it is found by itself.
        </p>
      </div>
    );
  }
  return (
    <div class="empty">
      <p class="lead">No rooms yet.</p>
      <p>
        Open <a href={home}>{home}</a> in two windows, join a room of the same name in both, and watch it appear here.
      </p>
      <p class="hint">
        Ready to play:{" "}
        {now.modules
          .filter((module) => module.open)
          .map((module) => module.title)
          .join(", ") || "nothing, see the modules"}
      </p>
    </div>
  );
}

function CloseDialog({ room, done }: { room: Room; done: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const busy = useSignal(false);
  const refused = useSignal("");
  useEffect(() => dialog.current?.showModal(), []);

  const close = async () => {
    busy.value = true;
    try {
      await api.closeRoom(room.module, room.name);
      say(`${room.name} was closed.`);
      dialog.current?.close();
    } catch (error) {
      refused.value = message(error);
      busy.value = false;
    }
  };
  const inside =
    room.players === 0 ? "Nobody is in it." : `${format.plural(room.players, "player")} will be sent out and told why.`;
  return (
    <dialog ref={dialog} onClose={done} aria-labelledby="close-title" aria-describedby="close-text">
      <h2 id="close-title">
        Close <bdi>{room.name}</bdi>?
      </h2>
      <p id="close-text">
        {inside} The room of {room.module} ends for good; its name becomes free again.
      </p>
      <p class="refused" role="alert">
        {refused}
      </p>
      <div class="buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          Keep it open
        </button>
        <button type="button" class="danger" disabled={busy.value} onClick={() => void close()}>
          Close room
        </button>
      </div>
    </dialog>
  );
}
