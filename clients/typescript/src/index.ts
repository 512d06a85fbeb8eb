/** The core, for pages and for Node: checks of a license key, and of leases without the network. */
export { createFalconer, LeaseError } from "./core/falconer.js";
export type { Answer, Falconer, Inspected, LeaseExpectation, Refused, Unanswered, Valid } from "./core/falconer.js";
export { SettingError } from "./core/failure.js";
export type { License } from "./core/license.js";
export type { Advice } from "./core/messages.js";
export type { FalconerSettings } from "./core/settings.js";
export type { Fetch } from "./core/transport.js";
export type { PublicKeys } from "./core/pins.js";
