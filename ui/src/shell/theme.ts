// Light and dark: as the system has it, unless the reader has chosen.

import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "duckstring-theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const listeners = new Set<() => void>();

function stored(): Theme {
  const held = localStorage.getItem(KEY);
  return held === "light" || held === "dark" ? held : "system";
}

let theme: Theme = "system";

function apply(): void {
  document.documentElement.dataset["theme"] = theme;
}

export function startTheme(): void {
  const asked = new URLSearchParams(window.location.search).get("theme");
  theme = asked === "light" || asked === "dark" ? asked : stored();
  apply();
}

export function changeTheme(): void {
  theme = NEXT[theme];
  localStorage.setItem(KEY, theme);
  apply();
  for (const listener of listeners) listener();
}

export const useTheme = (): Theme =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
