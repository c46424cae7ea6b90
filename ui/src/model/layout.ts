// The input of the layout, and what identifies it: nodes, their sizes, and edges. Not their state.

import type { EdgeOf, Graph } from "./lines";
import { edgesOf } from "./lines";
import { ranks } from "./rank";

export const WIDTH = 288;
export const HEIGHT = 120;
const RIPPLE_HEIGHT = 26;
const RIPPLES_PADDING = 14;
const COLUMN = WIDTH + 110;
const ROW = HEIGHT + 28;

export interface Box {
  id: string;
  width: number;
  height: number;
}

export interface LayoutInput {
  key: string;
  boxes: Box[];
  edges: EdgeOf[];
}

export type Positions = Record<string, { x: number; y: number }>;

export function boxHeight(ripples: number, expanded: boolean): number {
  return expanded ? HEIGHT + RIPPLES_PADDING + ripples * RIPPLE_HEIGHT : HEIGHT;
}

/** Lines in a fixed order, so that majors of a Pond stay side by side and updates change nothing. */
export function layoutInput(
  graph: Graph,
  expanded: ReadonlySet<string>,
  shown: ReadonlySet<string> | null,
): LayoutInput {
  const boxes = graph.lines
    .filter((line) => !shown || shown.has(line.line))
    .map((line) => ({
      id: line.line,
      width: WIDTH,
      height: boxHeight(line.ripples.length, expanded.has(line.line)),
    }))
    .sort((one, other) => compare(one.id, other.id));
  const here = new Set(boxes.map((box) => box.id));
  const edges = edgesOf(graph)
    .filter((edge) => here.has(edge.source) && here.has(edge.sink))
    .sort((one, other) => compare(one.id, other.id));
  const key = [
    ...boxes.map((box) => `${box.id}:${box.height}`),
    ...edges.map((edge) => edge.id),
  ].join(" ");
  return { key, boxes, edges };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

// Half the time, and hardly more crossings.
const MANY = 150;
const QUICK = {
  "elk.layered.thoroughness": "2",
  "elk.layered.crossingMinimization.greedySwitch.type": "OFF",
};

export interface ElkGraph {
  id: string;
  layoutOptions: Record<string, string>;
  children: Box[];
  edges: { id: string; sources: string[]; targets: string[] }[];
}

export function elkGraph(input: LayoutInput): ElkGraph {
  return {
    id: "catchment",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.layered.spacing.nodeNodeBetweenLayers": "100",
      "elk.spacing.nodeNode": "28",
      "elk.spacing.componentComponent": "60",
      "elk.layered.considerModelOrder.strategy": "PREFER_NODES",
      "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
      "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
      ...(input.boxes.length > MANY ? QUICK : {}),
    },
    children: input.boxes.map((box) => ({ ...box })),
    edges: input.edges.map(({ id, source, sink }) => ({ id, sources: [source], targets: [sink] })),
  };
}

/** Columns by rank, for a browser that cannot start the worker. */
export function plainLayout(input: LayoutInput): Positions {
  const rank = ranks(
    input.boxes.map((box) => box.id),
    input.edges,
  );
  const filled = new Map<number, number>();
  const positions: Positions = {};
  for (const box of input.boxes) {
    const column = rank.get(box.id) ?? 0;
    const y = filled.get(column) ?? 0;
    positions[box.id] = { x: column * COLUMN, y };
    filled.set(column, y + box.height + ROW - HEIGHT);
  }
  return positions;
}
