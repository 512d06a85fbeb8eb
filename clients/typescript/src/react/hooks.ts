/** Hooks, and a component that shows its children to a license alone. */
import { type ReactNode, useContext, useSyncExternalStore } from "react";
import type { Answer } from "../core/falconer.js";
import { CHECKING, type LicenseSession, type PageSnapshot } from "../page/session.js";
import { SessionContext } from "./provider.js";

/** The license of this page, and what a user can do about it. */
export interface UseLicense extends PageSnapshot {
  /** Asks about a typed key. A refused key replaces nothing. */
  readonly activate: (key: string) => Promise<Answer>;
  /** Asks about the stored key; `null` without one. */
  readonly refresh: () => Promise<Answer | null>;
  /** Forgets key and license in this browser. */
  readonly forget: () => void;
}

/** Reads the license of this page. */
export function useLicense(): UseLicense {
  const session = useSession();
  const snapshot = useSyncExternalStore(session.subscribe, session.snapshot, () => CHECKING);
  return {
    ...snapshot,
    activate: (key) => session.activate(key),
    refresh: () => session.refresh(),
    forget: () => session.forget(),
  };
}

/** True if a feature is on. */
export function useFeature(feature: string): boolean {
  const { unlocked, license } = useLicense();
  return unlocked && (license?.features ?? []).includes(feature);
}

/** Properties of `Licensed`. */
export interface LicensedProps {
  /** Feature that has to be on; without it any license does. */
  readonly feature?: string;
  /** Shown where it is not. */
  readonly fallback?: ReactNode;
  readonly children?: ReactNode;
}

/** Shows its children where the license, or one feature of it, is on. It hides them from honest customers: they are part of
 * the page all the same. */
export function Licensed({ feature, fallback = null, children }: LicensedProps): ReactNode {
  const { unlocked, license } = useLicense();
  const isOn = unlocked && (feature === undefined || (license?.features ?? []).includes(feature));
  return isOn ? children : fallback;
}

function useSession(): LicenseSession {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("useLicense, useFeature and Licensed belong inside a FalconerProvider");
  return session;
}
