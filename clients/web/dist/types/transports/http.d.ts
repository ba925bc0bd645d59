import { type Link, type Target } from "./link.js";
/** Ready at once: the hello is the first request. */
export declare const dialHttp: ({ url }: Target) => Promise<Link>;
