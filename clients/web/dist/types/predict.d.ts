export { predict, Prediction, type Counts, type PredictOptions } from "./prediction.js";
export { predictOwn, type Own, type OwnOptions } from "./own.js";
