/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_FALCONER_URL?: string;
  readonly VITE_FALCONER_KEYS?: string;
}
