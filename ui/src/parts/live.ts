// Outcomes that are told: by a live region to screen readers, and as a note that stays a while.

import { useSyncExternalStore } from "react";

export interface Note {
  id: number;
  kind: "done" | "warning" | "refused";
  text: string;
  hint: string;
}

const STAYS_MS = { done: 8000, warning: 20_000 };
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
  // A refusal is never pushed out by what was done after it.
  const others = notes.filter((each) => each.kind !== "refused").slice(-3);
  set([...notes.filter((each) => each.kind === "refused" || others.includes(each)), note]);
  // A refusal stays until the reader has seen it.
  if (kind !== "refused") setTimeout(() => dismiss(note.id), STAYS_MS[kind]);
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
