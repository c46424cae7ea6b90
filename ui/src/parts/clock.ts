// Texts that change with time. A part of the page is drawn again only if its text changes.

import { useSyncExternalStore } from "react";
import { serverNow } from "../api/status";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    if (!document.hidden) for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (!listeners.size && timer) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** A text or number of the present moment. `say` has to be cheap. */
export function useMoment<Said extends string | number | null>(say: (now: number) => Said): Said {
  return useSyncExternalStore(subscribe, () => say(serverNow()));
}

/** Now, by whole seconds. */
export const useNow = (): number => useMoment((now) => Math.floor(now / 1000) * 1000);
