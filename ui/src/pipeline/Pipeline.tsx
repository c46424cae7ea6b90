import { useEffect } from "react";
import type { LineStatusWord } from "../answers";
import { useGraph, useStatusFault } from "../api/status";
import { isDown } from "../model/cause";
import { STATES, type Graph } from "../model/lines";
import { Empty, Loading, Refused } from "../parts/Empty";
import { Panel } from "../pond/Panel";
import { useRoute } from "../router";
import { Bar } from "./Bar";
import { Canvas } from "./Canvas";
import { List } from "./List";
import { useNarrow } from "./narrow";
import { useSelectionUpkeep } from "./pick";
import { Selection } from "./Selection";
import { useTagsInAddress } from "./TagFilter";
import { setView, useView } from "./view";

export function Pipeline({ selected }: { selected: string | null }) {
  const graph = useGraph();
  const fault = useStatusFault();
  useStateFromAddress();
  useTagsInAddress();
  useLitWhileDown(graph);
  useSelectionUpkeep(graph);
  const narrow = useNarrow();
  const { as } = useView();
  if (!graph) return fault ? <Refused fault={fault} /> : <Loading what="the pipeline" />;
  if (!graph.lines.length) {
    return (
      <Empty title="Nothing is deployed yet.">
        <p>
          Try <code>duckstring pond demo</code>, then <code>duckstring deploy --all</code>. The
          Ponds appear here by themselves.
        </p>
      </Empty>
    );
  }
  const list = (as ?? (narrow ? "list" : "canvas")) === "list";
  return (
    <div className={`pipeline ${selected ? "with-panel" : ""}`}>
      {(!narrow || !selected) && (
        <section className="canvas-side" aria-label="Pipeline">
          {!selected && <h1 className="unseen">Pipeline</h1>}
          <Bar graph={graph} selected={selected} list={list} />
          {list ? (
            <List graph={graph} selected={selected} />
          ) : (
            <div className="canvas">
              <Canvas graph={graph} selected={selected} />
              <Selection graph={graph} />
            </div>
          )}
        </section>
      )}
      {selected && <Panel key={selected} name={selected} />}
    </div>
  );
}

/** The path to a root cause goes out once nothing of it is down any more. */
function useLitWhileDown(graph: Graph | null): void {
  const { lit } = useView();
  const over =
    lit !== null &&
    graph !== null &&
    !lit.roots.some((root) => isDown(graph.byName.get(root)?.status ?? "undeployed"));
  useEffect(() => {
    if (over) setView({ lit: null });
  }, [over]);
}

/** `/?state=failed` shows the lines of that state. */
function useStateFromAddress(): void {
  const asked = useRoute().query.get("state");
  useEffect(() => {
    if (asked && (STATES as string[]).includes(asked)) {
      setView({ states: new Set([asked as LineStatusWord]), lit: null });
    }
  }, [asked]);
}
