// Outcomes that are told: by a live region to screen readers, and as a note that stays a while.

import { useSyncExternalStore } from "react";

export interface Note {
  id: number;
  kind: "done" | "warning" | "refused";
  text: string;
  hint: string;
  /** What takes it back, or follows from it. */
  next?: { name: string; act: () => void };
}

const STAYS_MS = { done: 5000, warning: 20_000 };
let notes: Note[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(changed: Note[]): void {
  notes = changed;
  for (const listener of listeners) listener();
}

export function tell(kind: Note["kind"], text: string, hint = "", then?: Note["next"]): void {
  const note: Note = { id: next, kind, text, hint, ...(then ? { next: then } : {}) };
  next += 1;
  // Only what was done replaces what was done before it.
  set([...notes.filter((each) => kind !== "done" || each.kind !== "done"), note]);
  // A refusal stays until the reader has seen it.
  const stays = then ? STAYS_MS.warning : kind !== "refused" && STAYS_MS[kind];
  if (stays) setTimeout(() => dismiss(note.id), stays);
}

export function dismissDone(): void {
  if (notes.some((note) => note.kind === "done")) set(notes.filter((note) => note.kind !== "done"));
}

export function dismiss(id: number): void {
  set(notes.filter((note) => note.id !== id));
}

export const useNotes = (): Note[] =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notes,
  );
