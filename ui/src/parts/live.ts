// Outcomes that are told: by a live region to screen readers, and as a note that stays a while.

import { useSyncExternalStore } from "react";

export interface Note {
  id: number;
  kind: "done" | "warning" | "refused";
  text: string;
  hint: string;
}

const STAYS_MS = { done: 5000, warning: 20_000 };
let notes: Note[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(changed: Note[]): void {
  notes = changed;
  for (const listener of listeners) listener();
}

export function tell(kind: Note["kind"], text: string, hint = ""): void {
  const note = { id: next, kind, text, hint };
  next += 1;
  // Only what was done replaces what was done before it.
  set([...notes.filter((each) => kind !== "done" || each.kind !== "done"), note]);
  // A refusal stays until the reader has seen it.
  if (kind !== "refused") setTimeout(() => dismiss(note.id), STAYS_MS[kind]);
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
