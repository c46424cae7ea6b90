import { useState } from "react";
import { inFocus } from "../model/filters";
import type { Graph } from "../model/lines";
import { extended, pickedLines, type Picked } from "../model/selection";
import { BatchDialog } from "./Batch";
import { usePickable } from "./pick";
import { pickNone, setView, useView } from "./view";

/** What is picked, and what can be done with it. */
export function Selection({ graph }: { graph: Graph }) {
  const { picked, focus } = useView();
  const [open, setOpen] = useState(false);
  const pickable = usePickable();
  if (!pickable) return null;
  const lines = pickedLines(picked, graph);
  const shown = inFocus(graph, focus);
  const hidden = shown ? lines.filter((line) => !shown.has(line.line)).length : 0;
  return (
    <div className="selection-place">
      <span className="unseen" role="status">
        {lines.length ? `${lines.length} selected` : ""}
      </span>
      {lines.length > 0 && (
        <div className="selected-bar" role="group" aria-label="Selected Ponds">
          <b>
            <span aria-hidden="true">✓</span> {lines.length} selected
            {hidden > 0 && <span className="quiet">, {hidden} not shown</span>}
          </b>
          <button type="button" className="small primary" onClick={() => setOpen(true)}>
            Act on {lines.length} …
          </button>
          <More
            graph={graph}
            picked={picked}
            direction="up"
            name="Add Sources"
            title="All Ponds above them, up to the Inlets"
          />
          <More
            graph={graph}
            picked={picked}
            direction="down"
            name="Add Sinks"
            title="All Ponds below them, down to the Outlets"
          />
          <button
            type="button"
            className="small plain"
            aria-label="Clear selection"
            title="Clear the selection. Escape does the same"
            onClick={pickNone}
          >
            Clear <span aria-hidden="true">✕</span>
          </button>
        </div>
      )}
      {open && <BatchDialog lines={lines} first="pulse" onClose={() => setOpen(false)} />}
    </div>
  );
}

interface MoreProps {
  graph: Graph;
  picked: Picked;
  direction: "up" | "down";
  name: string;
  title: string;
}

function More({ graph, picked, direction, name, title }: MoreProps) {
  const all = extended(picked, graph, direction);
  const more = all.size - picked.size;
  return (
    <button
      type="button"
      className="small"
      disabled={!more}
      title={more ? title : "All of them are selected"}
      onClick={() => setView({ picked: all })}
    >
      {name}
      {more > 0 && ` (${more})`}
    </button>
  );
}
