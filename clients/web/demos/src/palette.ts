// The colours of the field: a day and a dusk, to go with the page's light and dark.

export interface Palette {
  grass: string;
  grassLight: string;
  grassDark: string;
  blade: string;
  bladeLight: string;
  woods: string;
  path: string;
  pathEdge: string;
  rut: string;
  pebble: string;
  sand: string;
  water: string;
  waterDeep: string;
  glint: string;
  reed: string;
  cattail: string;
  lily: string;
  flowers: string[];
  leaves: [string, string, string][];
  trunk: string;
  fence: string;
  fenceDark: string;
  shadow: string;
  label: string;
  labelText: string;
  smoke: string;
}

const DAY: Palette = {
  grass: "#a9cf86",
  grassLight: "#bcdc97",
  grassDark: "#97c178",
  blade: "#7fae63",
  bladeLight: "#c9e6a6",
  woods: "#5f8f57",
  path: "#e2cd9f",
  pathEdge: "#c6ab78",
  rut: "#cfb585",
  pebble: "#b79c6c",
  sand: "#ead9ae",
  water: "#6fc0c0",
  waterDeep: "#3f9aa3",
  glint: "rgb(255 255 255 / 55%)",
  reed: "#5f8f4c",
  cattail: "#8a5a34",
  lily: "#5da45c",
  flowers: ["#ffffff", "#ffe27a", "#f7a8b8", "#c7b6ff"],
  leaves: [
    ["#3f7d4a", "#56985a", "#79b56d"],
    ["#4a8344", "#649e50", "#8cbd68"],
    ["#2f6f55", "#45876a", "#67a684"],
  ],
  trunk: "#7b5a3c",
  fence: "#c49a6c",
  fenceDark: "#946c43",
  shadow: "rgb(30 50 20 / 22%)",
  label: "rgb(255 255 255 / 82%)",
  labelText: "#14302a",
  smoke: "150 146 138",
};

const DUSK: Palette = {
  grass: "#2f5a46",
  grassLight: "#386850",
  grassDark: "#284f3e",
  blade: "#4a7a5c",
  bladeLight: "#5c8f69",
  woods: "#173328",
  path: "#7c6f5c",
  pathEdge: "#5b5244",
  rut: "#6b6050",
  pebble: "#968871",
  sand: "#86795f",
  water: "#2f7f8c",
  waterDeep: "#1d5a6b",
  glint: "rgb(190 240 240 / 35%)",
  reed: "#3f7350",
  cattail: "#7a5636",
  lily: "#3f8058",
  flowers: ["#e8f2ff", "#f4d67a", "#e59ab0", "#b5a6f0"],
  leaves: [
    ["#173d30", "#21513d", "#2f6a4c"],
    ["#1d4230", "#2a573c", "#3a7049"],
    ["#143a38", "#1d4d47", "#2a655a"],
  ],
  trunk: "#4a3a2c",
  fence: "#8a6f52",
  fenceDark: "#5c4936",
  shadow: "rgb(0 10 8 / 38%)",
  label: "rgb(12 26 24 / 78%)",
  labelText: "#e6f2ec",
  smoke: "134 142 140",
};

const dark = matchMedia("(prefers-color-scheme: dark)");

export const palette = (): Palette => (dark.matches ? DUSK : DAY);

export function onTheme(fn: () => void): void {
  dark.addEventListener("change", fn);
}

/** A player's: coat, its shade, its light. */
const COATS: [string, string, string][] = [
  ["#e8590c", "#a83e06", "#ff9a5c"],
  ["#1c7ed6", "#125592", "#6fb8f5"],
  ["#d6336c", "#951f49", "#f58bb0"],
  ["#f2b705", "#ab7f00", "#ffe07a"],
  ["#7048e8", "#4a2cab", "#a98ff5"],
  ["#0ca678", "#06704f", "#63d6b2"],
  ["#e03131", "#9c1c1c", "#ff8585"],
  ["#15aabf", "#0c7482", "#72dbe8"],
  ["#ae3ec9", "#77258b", "#dd92ee"],
  ["#74b816", "#4e7f0a", "#b5e36b"],
  ["#f76707", "#ad4400", "#ffb077"],
  ["#4263eb", "#2840a8", "#93a6fa"],
  ["#f06595", "#b33564", "#ffadc8"],
  ["#868e96", "#595f66", "#c5cbd1"],
  ["#a0693a", "#6e4420", "#d3a479"],
  ["#ffffff", "#b9c2c8", "#ffffff"],
];

export const coat = (n: number): [string, string, string] => COATS[((n % COATS.length) + COATS.length) % COATS.length]!;
