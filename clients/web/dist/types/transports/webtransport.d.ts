import { type Link, type Target } from "./link.js";
export declare function dialWebTransport({ url, hashes, signal }: Target): Promise<Link>;
