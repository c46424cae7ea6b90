// The canvas's nodes and edges. What has not changed stays the same object, so it is not drawn again.

import { Position, type Edge, type Node } from "@xyflow/react";
import type { Cause } from "../model/cause";
import { traffic, type Traffic } from "../model/demand";
import { boxHeight, WIDTH, type LayoutInput, type Positions } from "../model/layout";
import { DOWN, type Graph, type Line } from "../model/lines";

export interface PondData extends Record<string, unknown> {
  line: Line;
  several: boolean;
  expanded: boolean;
  dim: boolean;
  lit: boolean;
  chosen: boolean;
  /** Whether it is picked for an action; null where nothing may be done. */
  picked: boolean | null;
}

export interface DemandData extends Record<string, unknown>, Traffic {
  optional: boolean;
  lit: boolean;
  dim: boolean;
  broken: boolean;
}

export type PondNode = Node<PondData, "pond">;
export type DemandEdge = Edge<DemandData, "demand">;

export const HANDLE_TOP = 46;

export interface Shown {
  selected: string | null;
  bright: ReadonlySet<string> | null;
  lit: Cause | null;
  expanded: ReadonlySet<string>;
  picked: ReadonlySet<string> | null;
}

export class Drawing {
  private nodes = new Map<string, PondNode>();
  private edges = new Map<string, DemandEdge>();

  nodesOf(graph: Graph, input: LayoutInput, positions: Positions, shown: Shown): PondNode[] {
    const ponds = new Map<string, number>();
    for (const line of graph.lines) ponds.set(line.pond, (ponds.get(line.pond) ?? 0) + 1);
    return input.boxes.flatMap((box) => {
      const line = graph.byName.get(box.id);
      const position = positions[box.id];
      if (!line || !position) return [];
      const data: PondData = {
        line,
        several: (ponds.get(line.pond) ?? 0) > 1,
        expanded: shown.expanded.has(line.line),
        dim: isDim(line.line, shown),
        lit: shown.lit?.lines.has(line.line) ?? false,
        chosen: shown.selected === line.line,
        picked: shown.picked?.has(line.line) ?? null,
      };
      return [this.node(data, position)];
    });
  }

  private node(data: PondData, position: { x: number; y: number }): PondNode {
    const id = data.line.line;
    const old = this.nodes.get(id);
    const stays =
      old &&
      old.position.x === position.x &&
      old.position.y === position.y &&
      sameFields(old.data, data);
    if (stays) return old;
    const height = boxHeight(data.line.ripples.length, data.expanded);
    const fresh: PondNode = {
      id,
      type: "pond",
      position,
      data,
      width: WIDTH,
      height,
      selected: data.picked ?? false,
      measured: { width: WIDTH, height },
      handles: [
        { type: "target", position: Position.Left, x: 0, y: HANDLE_TOP, width: 1, height: 1 },
        { type: "source", position: Position.Right, x: WIDTH, y: HANDLE_TOP, width: 1, height: 1 },
      ],
      zIndex: data.chosen || data.lit ? 2 : 1,
    };
    this.nodes.set(id, fresh);
    return fresh;
  }

  edgesOf(graph: Graph, input: LayoutInput, shown: Shown): DemandEdge[] {
    return input.edges.flatMap((edge) => {
      const source = graph.byName.get(edge.source);
      const sink = graph.byName.get(edge.sink);
      if (!source || !sink) return [];
      const data: DemandData = {
        ...traffic(source, sink),
        optional: edge.optional,
        lit: shown.lit?.edges.has(edge.id) ?? false,
        dim: isDim(edge.source, shown) || isDim(edge.sink, shown),
        broken: !edge.optional && DOWN.has(source.status) && DOWN.has(sink.status),
      };
      const old = this.edges.get(edge.id);
      if (old?.data && sameFields(old.data, data)) return [old];
      const fresh: DemandEdge = {
        id: edge.id,
        type: "demand",
        source: edge.source,
        target: edge.sink,
        data,
        selectable: false,
        zIndex: data.lit ? 1 : 0,
      };
      this.edges.set(edge.id, fresh);
      return [fresh];
    });
  }
}

function isDim(line: string, shown: Shown): boolean {
  if (shown.lit) return !shown.lit.lines.has(line);
  return shown.bright !== null && !shown.bright.has(line);
}

function sameFields<Data extends Record<string, unknown>>(one: Data, other: Data): boolean {
  return Object.keys(other).every((name) => one[name] === other[name]);
}
