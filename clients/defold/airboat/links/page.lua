-- The page around the game, in a browser: what the engine lacks there and the page has, which is WebTransport. A small
-- script of ours is put into the page once, holds the sessions and collects what comes; the game fetches it once a frame.
--
-- `html5.run` takes and returns text that ends at a NUL and is UTF-8, and what is thrown in the page ends the engine. So
-- bytes travel as characters of the same number, 0 as that of 256, and the script throws nothing.

local page = {}

local byte, char, gsub = string.byte, string.char, string.gsub

-- Without what old browsers cannot parse: to them this is all that is said.
local ASK = "typeof WebTransport === 'function' && self.isSecureContext ? 'yes' : ''"

-- What `airboat1` has: `open(url, hashes)`, a number; `turn(number)`, what has come since the last turn; `send(number,
-- stream, bytes)`; `close(number)`; `echo(bytes)`. The answer to a turn is a letter, `c` while it connects, `o` open, `x`
-- over, and then records: a kind, a u32 length, bytes. Kinds are those of `page.DATAGRAM` and its neighbours.
local SCRIPT = [=[
(() => {
  if (self.airboat1) return;
  const links = new Map();
  let last = 0;
  // Datagrams that wait for a game that draws no frames, newest first in worth; bytes of the stream, which is not read on
  // while that many wait, nor written to; datagrams that wait to leave.
  const WAITING = 128, HELD = 1 << 20, BACKLOG = 8;

  const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  const text = (bytes) => {
    let out = "";
    for (let i = 0; i < bytes.length; i += 8192) out += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
    return out.replace(/\0/g, "\u0100");
  };
  const record = (kind, bytes) => {
    const n = bytes.length;
    return text(Uint8Array.of(kind, n, n >> 8, n >> 16, n >> 24)) + text(bytes);
  };

  const end = (link) => {
    link.state = "x";
    link.drained();
    try {
      link.session.close();
    } catch {
      // It was never open, or is closed already.
    }
    return "";
  };

  const read = async (link, from, take) => {
    const reader = from.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || link.state === "x") return;
      await take(value);
    }
  };

  const datagram = (link) => (value) => {
    if (link.datagrams >= WAITING) {
      link.queue.splice(link.queue.findIndex(([kind]) => kind === 0), 1);
      link.datagrams--;
      link.missed++;
    }
    link.datagrams++;
    link.queue.push([0, value]);
  };

  const chunk = (link) => (value) => {
    link.queue.push([1, value]);
    link.held += value.length;
    if (link.held > HELD) return new Promise((drained) => (link.drained = drained));
  };

  const start = async (link, url, hashes) => {
    const options = {};
    if (hashes.length > 0) {
      options.serverCertificateHashes = hashes.map((hex) => (
        { algorithm: "sha-256", value: Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16)) }
      ));
    }
    const session = (link.session = new WebTransport(url, options));
    const gone = () => end(link);
    session.closed.then(gone, gone);
    await session.ready;
    const stream = await session.createBidirectionalStream();
    link.stream = stream.writable.getWriter();
    link.datagram = session.datagrams.writable.getWriter();
    link.stream.closed.catch(gone);
    link.datagram.closed.catch(() => {});
    read(link, stream.readable, chunk(link)).catch(gone);
    read(link, session.datagrams.readable, datagram(link)).catch(gone);
    if (link.state === "c") link.state = "o";
  };

  const calls = {
    echo: (data) => text(bytes(data)),

    open(url, hashes) {
      const link = {
        state: "c", queue: [], datagrams: 0, held: 0, unsent: 0, leaving: 0, missed: 0, skipped: 0, drained() {},
      };
      links.set(++last, link);
      start(link, url, hashes).catch(() => end(link));
      return last;
    },

    turn(number) {
      const link = links.get(number);
      if (!link) return "x";
      let out = link.state;
      for (const [kind, value] of link.queue) out += record(kind, value);
      if (link.missed + link.skipped > 0) out += record(2, new Uint8Array(Uint32Array.of(link.missed, link.skipped).buffer));
      link.queue = [];
      link.datagrams = link.held = link.missed = link.skipped = 0;
      link.drained();
      if (link.state === "x") links.delete(number);
      return out;
    },

    send(number, stream, data) {
      const link = links.get(number);
      if (!link || link.state !== "o") return "";
      const frame = bytes(data);
      if (stream) {
        link.unsent += frame.length;
        if (link.unsent > HELD) return end(link);
        link.stream.write(frame).then(() => (link.unsent -= frame.length), () => end(link));
      } else if (link.leaving < BACKLOG) {
        const left = () => link.leaving--;
        link.leaving++;
        link.datagram.write(frame).then(left, left);
      } else {
        link.skipped++;
      }
      return "";
    },

    close(number) {
      const link = links.get(number);
      links.delete(number);
      if (!link) return "";
      // What was just written, such as a bye, should leave before the session ends.
      const close = () => end(link);
      if (link.state !== "o") return close();
      link.state = "x";
      link.stream.close().then(close, close);
      setTimeout(close, 500);
      return "";
    },
  };

  const safe = (call) => (...args) => {
    try {
      return String(call(...args));
    } catch {
      return "";
    }
  };
  self.airboat1 = {};
  for (const name of Object.keys(calls)) self.airboat1[name] = safe(calls[name]);
})(), 'yes'
]=]

-- Kinds of records: a datagram; a piece of the stream; two u32, how many datagrams that came and that should leave were
-- left out since the last turn, because too many waited.
page.DATAGRAM, page.STREAM, page.DROPPED = 0, 1, 2

-- What UTF-8 makes of the bytes that are no ASCII, and of 0.
local BYTES = { ["\196\128"] = "\0" }
for n = 128, 255 do BYTES[char(194 + (n >= 192 and 1 or 0), 128 + n % 64)] = char(n) end

local ESCAPES = {}
for n = 0, 255 do ESCAPES[char(n)] = ("\\x%02x"):format(n) end

-- The bytes that a text of the page stands for.
function page.bytes(text) return (gsub(text, "[\194-\196].", BYTES)) end

-- Bytes as JavaScript writes a string, whatever is in them.
function page.literal(s) return '"' .. gsub(s, "[%c\"\\\127-\255]", ESCAPES) .. '"' end

local every = {}
for n = 0, 255 do every[n + 1] = char(n) end
local EVERY = table.concat(every)

-- Whether there is a page with WebTransport to speak to, and all bytes come through as they are. Puts the script there.
function page.has_webtransport(platform)
  local run = platform.javascript
  if run(ASK) ~= "yes" or run(SCRIPT) ~= "yes" then return false end
  local answer = run("airboat1.echo(" .. page.literal(EVERY) .. ")")
  return answer ~= nil and page.bytes(answer) == EVERY
end

-- Calls `each(kind, bytes)` for every record of an answer to a turn.
function page.records(answer, each)
  if #answer == 1 then return end
  local data = page.bytes(answer)
  local at, length = 2, #data
  while at <= length do
    local kind, a, b, c, d = byte(data, at, at + 4)
    local size = a + b * 256 + c * 65536 + d * 16777216
    each(kind, data:sub(at + 5, at + 4 + size))
    at = at + 5 + size
  end
end

return page
