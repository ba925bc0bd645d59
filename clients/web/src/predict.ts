// The package's entry `airboat/predict`: prediction and reconciliation, alone or bound to a room. A bundle of its own: it
// meets rooms by their public shape only.

export { predict, Prediction, type Counts, type PredictOptions } from "./prediction.js";
export { predictOwn, type Own, type OwnOptions } from "./own.js";
