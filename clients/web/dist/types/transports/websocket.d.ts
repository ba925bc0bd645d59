import { type Link, type Target } from "./link.js";
export declare function dialWebSocket({ url, signal }: Target): Promise<Link>;
