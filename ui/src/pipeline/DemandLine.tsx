import { getBezierPath, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import type { DemandEdge } from "./nodes";

/** An edge from a Source to a Sink. Demand moves to the Source, data moves to the Sink. */
export const DemandLine = memo(function DemandLine(props: EdgeProps<DemandEdge>) {
  const [path] = getBezierPath(props);
  const { data } = props;
  if (!data) return null;
  const names = [
    "edge",
    data.optional ? "edge-optional" : "",
    data.broken ? "edge-broken" : "",
    data.lit ? "edge-lit" : "",
    data.dim ? "dim" : "",
  ];
  return (
    <g className={names.filter(Boolean).join(" ")}>
      <path className="edge-base" d={path} />
      {data.demand && <path className={`edge-demand demand-${data.demand}`} d={path} />}
      {data.data && <path className="edge-data" d={path} />}
    </g>
  );
});
