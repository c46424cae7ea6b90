import { chosen, countsOf } from "../model/filters";
import { STATES, type Graph } from "../model/lines";
import { StateIcon } from "../parts/State";
import { BatchOf } from "./Batch";
import { TagFilter } from "./TagFilter";
import { setView, toggleState, useView } from "./view";

const DIRECTIONS = [
  ["up", "Sources"],
  ["both", "lineage"],
  ["down", "Sinks"],
] as const;

/** Filters by state, the lineage in focus, and the path that is lit. */
export function Bar({
  graph,
  selected,
  list,
}: {
  graph: Graph;
  selected: string | null;
  list: boolean;
}) {
  const view = useView();
  const counts = countsOf(graph);
  return (
    <div className="bar-row">
      <div className="segments" role="group" aria-label="Show as">
        <button type="button" aria-pressed={!list} onClick={() => setView({ as: "canvas" })}>
          Canvas
        </button>
        <button type="button" aria-pressed={list} onClick={() => setView({ as: "list" })}>
          List
        </button>
      </div>
      <div className="chips" role="group" aria-label="Show states">
        {STATES.filter((state) => counts.get(state)).map((state) => (
          <button
            key={state}
            type="button"
            className={`chip state-${state}`}
            aria-pressed={view.states.has(state)}
            onClick={() => toggleState(state)}
          >
            <StateIcon word={state} />
            {counts.get(state)} {state}
          </button>
        ))}
        {view.states.size > 0 && (
          <button type="button" className="plain" onClick={() => setView({ states: new Set() })}>
            show all
          </button>
        )}
      </div>
      <TagFilter graph={graph} />
      {selected && !view.focus && graph.byName.has(selected) && (
        <div className="segments" role="group" aria-label={`Only the lineage of ${selected}`}>
          <span>Show only its</span>
          {DIRECTIONS.map(([direction, word]) => (
            <button
              key={direction}
              type="button"
              onClick={() => setView({ focus: { line: selected, direction }, lit: null })}
            >
              {word}
            </button>
          ))}
        </div>
      )}
      {(view.focus || Object.keys(view.tags).length > 0) && <BatchOf lines={chosen(graph, view)} />}
      {view.focus && (
        <button type="button" className="chip chip-clear" onClick={() => setView({ focus: null })}>
          {view.focus.direction === "up"
            ? "Sources of"
            : view.focus.direction === "down"
              ? "Sinks of"
              : "Lineage of"}{" "}
          {view.focus.line} ✕
        </button>
      )}
      {view.lit && (
        <button type="button" className="chip chip-clear" onClick={() => setView({ lit: null })}>
          Path to the root cause ✕
        </button>
      )}
    </div>
  );
}
