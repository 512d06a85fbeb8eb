/** A license on a device, for Electron's main process, command-line tools and services: activation, offline use, refresh,
 * transfer. */
export { SettingError } from "./core/failure.js";
export type { Advice } from "./core/messages.js";
export type { PublicKeys } from "./core/pins.js";
export type { AirGapText } from "./node/air-gap/text.js";
export type { Failure, SeatHolder } from "./node/failure.js";
export type { Components, Label } from "./node/hardware/components.js";
export type { Machine } from "./node/hardware/machine.js";
export { readThisMachine } from "./node/hardware/system.js";
export { Licensing } from "./node/licensing.js";
export type { CallOptions, Outcome, Person, TextOutcome, World } from "./node/licensing.js";
export type { Refresher } from "./node/refresher.js";
export type { LicensingSettings } from "./node/settings.js";
export type { DeviceLicense, PendingName, Snapshot } from "./node/snapshot.js";
export type { LockCode, State } from "./node/state.js";
export { MemoryStore, StoreError } from "./node/store/store.js";
export type { Store, StoredLicense } from "./node/store/store.js";
