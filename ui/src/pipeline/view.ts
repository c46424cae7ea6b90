// What the reader has chosen to see on the canvas.

import { useSyncExternalStore } from "react";
import type { LineStatusWord } from "../answers";
import type { Cause } from "../model/cause";
import type { Focus } from "../model/filters";
import { toggled, type Picked } from "../model/selection";
import type { Tags } from "../model/tags";

export interface View {
  expanded: ReadonlySet<string>;
  states: ReadonlySet<LineStatusWord>;
  focus: Focus | null;
  /** A Pond has to have all of them. */
  tags: Tags;
  lit: Cause | null;
  /** Ponds that were picked for one action on all of them. */
  picked: Picked;
  /** Null: as the width of the screen suggests. */
  as: "canvas" | "list" | null;
}

let view: View = {
  expanded: new Set(),
  states: new Set(),
  focus: null,
  tags: {},
  lit: null,
  picked: new Set(),
  as: null,
};
const listeners = new Set<() => void>();

export function setView(change: Partial<View>): void {
  view = { ...view, ...change };
  for (const listener of listeners) listener();
}

export const toggleExpanded = (line: string): void =>
  setView({ expanded: toggled(view.expanded, line) });

export const toggleState = (state: LineStatusWord): void =>
  setView({ states: toggled(view.states, state) });

export const togglePicked = (line: string): void => setView({ picked: toggled(view.picked, line) });

export const pickNone = (): void => setView({ picked: new Set() });

export const pickedNow = (): Picked => view.picked;

export const useView = (): View =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => view,
  );
