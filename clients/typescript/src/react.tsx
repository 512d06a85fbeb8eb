/** React components and hooks over the session of a page. They are safe where a page is rendered on a server. */
export { FalconerProvider } from "./react/provider.js";
export type { FalconerProviderProps } from "./react/provider.js";
export { Licensed, useFeature, useLicense } from "./react/hooks.js";
export type { LicensedProps, UseLicense } from "./react/hooks.js";
export type { PageSnapshot, PageState, SessionOptions } from "./page/session.js";
export type { KeyStorage } from "./page/storage.js";
