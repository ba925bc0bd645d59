// The library for a plain <script>: `window.Airboat`.

import { Client, connect, EntityRef, lerpAngle, PlayerRef, Room } from "./index.js";

Object.assign(globalThis, { Airboat: { Client, connect, EntityRef, lerpAngle, PlayerRef, Room } });
