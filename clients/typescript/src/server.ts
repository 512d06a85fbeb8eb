/** Guards for servers: what a page cannot protect, a server can. */
export { requireLicense } from "./server/guard.js";
export type { ExpressHandler, Guard, GuardOptions, IncomingRequest, OutgoingResponse } from "./server/guard.js";
export { createFalconer } from "./core/falconer.js";
export type { Falconer } from "./core/falconer.js";
export type { License } from "./core/license.js";
