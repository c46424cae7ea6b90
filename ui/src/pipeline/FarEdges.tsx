import { ViewportPortal } from "@xyflow/react";
import { memo, useMemo } from "react";
import { WIDTH, type Positions } from "../model/layout";
import { HANDLE_TOP, type DemandEdge } from "./nodes";

/** All edges in one picture. From afar an element for each edge would be slow, and shows no more. */
export const FarEdges = memo(function FarEdges({
  edges,
  positions,
}: {
  edges: DemandEdge[];
  positions: Positions;
}) {
  const paths = useMemo(() => grouped(edges, positions), [edges, positions]);
  return (
    <ViewportPortal>
      <svg className="far-edges" width="1" height="1" aria-hidden="true">
        {[...paths].map(([names, path]) => (
          <g key={names} className={names}>
            <path className="edge-base" d={path} />
          </g>
        ))}
      </svg>
    </ViewportPortal>
  );
});

function grouped(edges: DemandEdge[], positions: Positions): Map<string, string> {
  const paths = new Map<string, string>();
  for (const { source, target, data } of edges) {
    const [from, to] = [positions[source], positions[target]];
    if (!from || !to || !data) continue;
    const names = [
      "edge",
      data.optional ? "edge-optional" : "",
      data.lit ? "edge-lit" : data.broken ? "edge-broken" : "",
      data.demand ? `asks-${data.demand}` : data.data ? "edge-reads" : "",
      data.dim ? "dim" : "",
    ]
      .filter(Boolean)
      .join(" ");
    const [x, y, right, down] = [from.x + WIDTH, from.y + HANDLE_TOP, to.x, to.y + HANDLE_TOP].map(
      Math.round,
    );
    const middle = Math.round(((x ?? 0) + (right ?? 0)) / 2);
    paths.set(
      names,
      `${paths.get(names) ?? ""}M${x} ${y}C${middle} ${y} ${middle} ${down} ${right} ${down}`,
    );
  }
  return paths;
}
