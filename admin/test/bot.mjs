// Players of few words, for the panel to show: they live in a page of the same browser, as Node before 22 has no
// WebSocket. Each joins a room, acknowledges what it is shown, and remembers why it was sent out. Enough MessagePack for
// that, and no more.

/** The page the bots live in. Needs an origin of its own and no content policy. */
export async function bots(context, url) {
  const page = await context.newPage();
  await page.goto(`${url}/healthz`);
  await page.evaluate(() => {
    const text = (s) => {
      const utf8 = new TextEncoder().encode(s);
      return utf8.length < 32 ? [0xa0 | utf8.length, ...utf8] : [0xd9, utf8.length, ...utf8];
    };
    const pack = (value) => {
      if (typeof value === "number") return [value];
      if (typeof value === "string") return text(value);
      if (Array.isArray(value)) return [0x90 | value.length, ...value.flatMap(pack)];
      return [0x80 | Object.keys(value).length, ...Object.entries(value).flatMap(([k, v]) => [...text(k), ...pack(v)])];
    };
    const HELLO = 1;
    const [SNAPSHOT, PING, ACK] = [0x01, 0x03, 0x05];
    const FAREWELL = 24;

    globalThis.byes = {};
    globalThis.join = (name, module, room) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://${location.host}/ws`, "airboat.1");
        socket.binaryType = "arraybuffer";
        const send = (bytes) => socket.readyState === WebSocket.OPEN && socket.send(new Uint8Array(bytes));
        socket.onopen = () => send(pack([HELLO, { protocol: 1, client: "panel test", name, join: { module, room } }]));
        socket.onmessage = ({ data }) => {
          const frame = new Uint8Array(data);
          resolve();
          // [kind, flags, low byte of the epoch, tick, …] is answered by [kind, low byte of the epoch, tick].
          if (frame[0] === SNAPSHOT) send([ACK, frame[2], frame[3], frame[4]]);
          if (frame[0] >> 4 === 9 && frame[1] === FAREWELL) globalThis.byes[name] = frame[2];
        };
        socket.onerror = () => reject(new Error("no connection"));
        setInterval(() => send([PING, 1, 2, 3, 4]), 500);
      });
  });
  return {
    join: (name, module, room) => page.evaluate(([n, m, r]) => globalThis.join(n, m, r), [name, module, room]),
    /** The number of the reason it was sent out with. */
    bye: async (name) => {
      await page.waitForFunction((n) => n in globalThis.byes, name);
      return page.evaluate((n) => globalThis.byes[n], name);
    },
  };
}
