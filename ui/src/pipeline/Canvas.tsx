import { MiniMap, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from "@xyflow/react";
import { useEffect, useMemo, useRef, type RefObject } from "react";
import { bright as brightOf, inFocus } from "../model/filters";
import { HEIGHT, layoutInput, WIDTH, type LayoutInput, type Positions } from "../model/layout";
import type { Graph } from "../model/lines";
import { Loading } from "../parts/Empty";
import { stateOf } from "../parts/State";
import { go, pondPath } from "../router";
import { DemandLine } from "./DemandLine";
import { Legend } from "./Legend";
import { FarEdges } from "./FarEdges";
import { Drawing, type DemandEdge, type PondNode } from "./nodes";
import { DistanceContext, PondCard, type Distance } from "./PondCard";
import { useNarrow } from "./narrow";
import { useLayout } from "./useLayout";
import { usePickable, useRectangle, withModifier } from "./pick";
import { togglePicked, useView } from "./view";

const NODES = { pond: PondCard };
const EDGES = { demand: DemandLine };
const DOT = 0.14;
const FAR = 0.42;
const NO_EDGES: DemandEdge[] = [];
const CLOSE = 1.25;
const FIT = {
  padding: { top: "64px", right: "32px", bottom: "64px", left: "32px" },
  maxZoom: 1,
} as const;
const HALF = { width: WIDTH / 2, height: HEIGHT / 2 };

export function Canvas({ graph, selected }: { graph: Graph; selected: string | null }) {
  return (
    <ReactFlowProvider>
      <Laid graph={graph} selected={selected} />
    </ReactFlowProvider>
  );
}

function Laid({ graph, selected }: { graph: Graph; selected: string | null }) {
  const view = useView();
  const shown = useMemo(() => inFocus(graph, view.focus), [graph, view.focus]);
  const input = useMemo(
    () => layoutInput(graph, view.expanded, shown),
    [graph, view.expanded, shown],
  );
  const laid = useLayout(input);
  if (!laid) return <Loading what={`the pipeline of ${graph.lines.length} Ponds`} />;
  return (
    <Drawn
      graph={graph}
      selected={selected}
      input={input}
      positions={laid.positions}
      laidKey={laid.key}
    />
  );
}

interface DrawnProps {
  graph: Graph;
  selected: string | null;
  input: LayoutInput;
  positions: Positions;
  laidKey: string;
}

function Drawn({ graph, selected, input, positions, laidKey }: DrawnProps) {
  const view = useView();
  const narrow = useNarrow();
  const drawing = useRef(new Drawing());
  const bright = useMemo(() => brightOf(graph, view), [graph, view]);
  const pickable = usePickable();
  const picked = pickable ? view.picked : null;
  const rectangle = useRectangle();
  const nodes = useMemo(
    () =>
      drawing.current.nodesOf(graph, input, positions, {
        selected,
        bright,
        lit: view.lit,
        expanded: view.expanded,
        picked,
      }),
    [graph, input, positions, selected, bright, view.lit, view.expanded, picked],
  );
  const edges = useMemo(
    () =>
      drawing.current.edgesOf(graph, input, {
        selected,
        bright,
        lit: view.lit,
        expanded: view.expanded,
        picked: null,
      }),
    [graph, input, selected, bright, view.lit, view.expanded],
  );
  const distance = useStore((store): Distance => {
    const zoom = store.transform[2];
    return zoom < DOT ? "dot" : zoom < FAR ? "far" : zoom > CLOSE ? "close" : "near";
  });
  const near = distance === "near" || distance === "close";
  const moved = useRef(false);
  return (
    <DistanceContext value={distance}>
      <ReactFlow
        nodes={nodes}
        edges={near ? edges : NO_EDGES}
        nodeTypes={NODES}
        edgeTypes={EDGES}
        fitView
        fitViewOptions={FIT}
        minZoom={0.02}
        maxZoom={2.5}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={pickable}
        {...(pickable ? rectangle : {})}
        // Ponds are picked by our own clicks and keys; only the rectangle is the library's.
        multiSelectionKeyCode={null}
        deleteKeyCode={null}
        panActivationKeyCode={null}
        elevateNodesOnSelect={false}
        disableKeyboardA11y
        onlyRenderVisibleElements
        proOptions={{ hideAttribution: true }}
        className={`at-${distance} ${picked?.size ? "picking" : ""}`}
        onMoveStart={(event) => {
          // Null: it moves by itself.
          if (event) moved.current = true;
          setMoving(true);
        }}
        onMoveEnd={() => setMoving(false)}
        onNodeClick={(event, node) => {
          if ((event.target as HTMLElement).closest("button, a")) return;
          if (pickable && withModifier(event)) togglePicked(node.id);
          else go(pondPath(node.id));
        }}
      >
        <Moves selected={selected} laidKey={laidKey} positions={positions} moved={moved} />
        {!near && <FarEdges edges={edges} positions={positions} />}
        <Tools onFit={() => (moved.current = false)} />
        {!narrow && (
          <MiniMap<PondNode>
            className="minimap"
            ariaLabel="Overview of the pipeline"
            pannable
            zoomable
            nodeClassName={(node) => `mini state-${stateOf(node.data.line.status)}`}
          />
        )}
      </ReactFlow>
      <Legend pickable={pickable} />
    </DistanceContext>
  );
}

/**
 * Moves the picture when the selection, the focus or the lit path changes, and when Ponds come or
 * go while the reader has not moved it. Never on another update.
 */
function Moves({
  selected,
  laidKey,
  positions,
  moved,
}: {
  selected: string | null;
  laidKey: string;
  positions: Positions;
  moved: RefObject<boolean>;
}) {
  const flow = useReactFlow();
  const { lit, focus } = useView();
  const first = useRef(true);
  const nodeHere = selected !== null && positions[selected] !== undefined;
  const ease = useMemo(
    () => ({ duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 450 }),
    [],
  );
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    if (!lit) void flow.fitView({ ...FIT, ...ease });
  }, [focus, laidKey.length > 0 && focus ? laidKey : ""]);
  const opened = selected !== null;
  const wasOpened = useRef(opened);
  useEffect(() => {
    if (wasOpened.current === opened) return undefined;
    wasOpened.current = opened;
    if (moved.current || lit) return undefined;
    // The panel has made the canvas narrower or wider.
    const timer = setTimeout(() => void flow.fitView({ ...FIT, ...ease }), 60);
    return () => clearTimeout(timer);
  }, [opened]);
  const ponds = Object.keys(positions).sort().join();
  const before = useRef({ ponds, focus });
  useEffect(() => {
    if (before.current.ponds === ponds) return undefined;
    const asked = before.current.focus !== focus;
    before.current = { ponds, focus };
    if (lit || (!asked && (moved.current || selected))) return undefined;
    // The library knows the new nodes after it has drawn them.
    const timer = setTimeout(() => void flow.fitView({ ...FIT, ...ease }), 60);
    return () => clearTimeout(timer);
  }, [ponds]);
  useEffect(() => {
    if (!nodeHere || !selected) return;
    const timer = setTimeout(() => {
      if (lit) {
        void flow.fitView({
          nodes: [...lit.lines].map((id) => ({ id })),
          padding: 0.12,
          maxZoom: 1,
          ...ease,
        });
        return;
      }
      const box = document.querySelector(".canvas")?.getBoundingClientRect();
      const at = positions[selected];
      if (!box || !at) return;
      const { x, y, zoom } = flow.getViewport();
      const left = at.x * zoom + x;
      const top = at.y * zoom + y;
      const seen =
        left > 0 && top > 0 && left + WIDTH * zoom < box.width && top + HEIGHT * zoom < box.height;
      if (!seen)
        void flow.setCenter(at.x + HALF.width, at.y + HALF.height, {
          zoom: Math.max(zoom, 0.7),
          ...ease,
        });
    }, 60);
    return () => clearTimeout(timer);
  }, [selected, nodeHere, lit]);
  return null;
}

/** While the picture moves, it is a layer of its own: moving it paints nothing again. */
function setMoving(moving: boolean): void {
  document.querySelector(".canvas")?.classList.toggle("moving", moving);
}

function Tools({ onFit }: { onFit: () => void }) {
  const flow = useReactFlow();
  const fit = (): void => {
    onFit();
    void flow.fitView({ ...FIT, duration: 300 });
  };
  return (
    <div className="tools" role="group" aria-label="Zoom">
      <button type="button" onClick={fit}>
        Fit
      </button>
      <button
        type="button"
        aria-label="Zoom in"
        onClick={() => void flow.zoomIn({ duration: 150 })}
      >
        +
      </button>
      <button
        type="button"
        aria-label="Zoom out"
        onClick={() => void flow.zoomOut({ duration: 150 })}
      >
        −
      </button>
    </div>
  );
}
