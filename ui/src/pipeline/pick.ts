// How Ponds are picked: by a modifier and a click, by Space, or by a rectangle.

import { SelectionMode, type NodeChange } from "@xyflow/react";
import { useEffect, useMemo, useRef, type KeyboardEvent, type MouseEvent } from "react";
import { useMayChange } from "../api/catchment";
import type { Graph } from "../model/lines";
import { inRectangle, stillThere, type Picked } from "../model/selection";
import type { PondNode } from "./nodes";
import { pickedNow, pickNone, setView, togglePicked } from "./view";

const APPLE = /mac|iphone|ipad/i.test(navigator.platform);

/** What the key is called here. On a Mac, Ctrl and a click open a menu. */
export const MODIFIER = APPLE ? "⌘" : "Ctrl";

export const withModifier = (event: { ctrlKey: boolean; metaKey: boolean }): boolean =>
  APPLE ? event.metaKey : event.ctrlKey;

/** Whether anything may be done with what is picked. */
export const usePickable = useMayChange;

/** For the link with a Pond's name: otherwise the click would open a new tab. */
export const pickBy = (line: string) => ({
  onClick: (event: MouseEvent) => {
    if (!withModifier(event)) return;
    event.preventDefault();
    togglePicked(line);
  },
  onKeyDown: (event: KeyboardEvent) => {
    if (event.key !== " ") return;
    event.preventDefault();
    togglePicked(line);
  },
});

/** Shift and drag. The library tells which Ponds the rectangle touches; a click never selects. */
export function useRectangle() {
  const drawn = useRef<{ before: Picked; inside: Picked } | null>(null);
  return useMemo(
    () => ({
      selectionMode: SelectionMode.Partial,
      onSelectionStart: () => {
        drawn.current = { before: pickedNow(), inside: new Set() };
      },
      onSelectionEnd: () => {
        drawn.current = null;
      },
      onNodesChange: (changes: NodeChange<PondNode>[]) => {
        if (!drawn.current) return;
        const { before, inside } = drawn.current;
        const now = inRectangle(
          before,
          inside,
          changes.flatMap((change) => (change.type === "select" ? [change] : [])),
        );
        drawn.current = { before, inside: now.inside };
        setView({ picked: now.picked });
      },
    }),
    [],
  );
}

/** Ponds that are gone are no longer picked, and Escape picks none. */
export function useSelectionUpkeep(graph: Graph | null): void {
  useEffect(() => {
    if (!graph) return;
    const left = stillThere(pickedNow(), graph);
    if (left !== pickedNow()) setView({ picked: left });
  }, [graph]);
  useEffect(() => {
    const clear = (event: globalThis.KeyboardEvent): void => {
      const elsewhere =
        event.defaultPrevented ||
        document.querySelector("dialog[open]") !== null ||
        // There, Escape has another meaning.
        (event.target instanceof Element && event.target.closest("aside, .search, select"));
      if (elsewhere) return;
      if (event.key === "Escape" && pickedNow().size) pickNone();
    };
    document.addEventListener("keydown", clear);
    return () => document.removeEventListener("keydown", clear);
  }, []);
}
