// The parts of the picture of an age: the age itself, its bounds, and the axis.

import { useId } from "react";
import type { Allowed, Edge } from "../model/bounds";
import { polyline, type Span, type Stretch } from "../model/freshness";
import { brief } from "../model/moments";

export const LEFT = 84;
export const TOP = 6;
export const PLOT = 92;
export const BOTTOM = TOP + PLOT;
export const MARKS = BOTTOM + 10;
export const HEIGHT = BOTTOM + 36;

export const clampTo = (value: number, least: number, most: number): number =>
  Math.min(Math.max(value, least), most);

export type Scale = (value: number) => number;

/** The age, its area, and what of it is above the bound. */
export function Ages({
  known,
  edges,
  x,
  y,
  width,
}: {
  known: Stretch[];
  edges: Edge[];
  x: Scale;
  y: Scale;
  width: number;
}) {
  const id = useId();
  const points = polyline(known).map(({ at, age }) => `${x(at).toFixed(1)} ${y(age).toFixed(1)}`);
  if (!points.length) return null;
  const first = x(known[0]?.start ?? 0).toFixed(1);
  const last = x(known[known.length - 1]?.end ?? 0).toFixed(1);
  const line = `M${points.join("L")}`;
  const area = `${line}L${last} ${BOTTOM}L${first} ${BOTTOM}Z`;
  const [begin, ...corners] = edges.flatMap(({ start, end, from, to }) => [
    `${x(start).toFixed(1)} ${y(from).toFixed(1)}`,
    `${x(end).toFixed(1)} ${y(to).toFixed(1)}`,
  ]);
  // What is left of the first edge is within.
  const from = x(edges[0]?.start ?? 0).toFixed(1);
  const edge = [begin, ...corners].join("L");
  const above = begin ? `M${from} ${TOP}L${edge}V${TOP}Z` : "";
  const below = begin
    ? `M${LEFT} ${BOTTOM + 2}V0H${from}L${edge}V${BOTTOM + 2}Z`
    : `M${LEFT} ${BOTTOM + 2}V0H${width}V${BOTTOM + 2}Z`;
  return (
    <>
      <defs>
        <clipPath id={`${id}in`}>
          <path d={below} />
        </clipPath>
        <clipPath id={`${id}over`}>
          <path d={above} />
        </clipPath>
        <pattern
          id={`${id}hatch`}
          width="8"
          height="8"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <path className="age-hatch" d="M0 0V8" />
        </pattern>
      </defs>
      {begin && <path d={above} fill={`url(#${id}hatch)`} />}
      <g clipPath={`url(#${id}in)`}>
        <path className="age-area" d={area} />
        <path className="age-line" d={line} />
      </g>
      {begin && (
        <g clipPath={`url(#${id}over)`} className="age-over">
          <path className="age-area" d={area} />
          <path className="age-line" d={line} />
        </g>
      )}
    </>
  );
}

/** The bounds as lines, the first one the heavier, with their names where there is room. */
export function Labels({
  bounds,
  top,
  x,
  y,
}: {
  bounds: Allowed[];
  top: number;
  x: Scale;
  y: Scale;
}) {
  const beside = { x: LEFT - 7, textAnchor: "end" } as const;
  const edges = bounds.map((each) => clampTo(y(each.edges[0]?.from ?? 0), TOP + 5, BOTTOM - 3));
  const clear = (at: number, others: number[]): boolean =>
    others.every((edge) => Math.abs(edge - at) > 16);
  return (
    <>
      {clear(TOP + 4, edges) && (
        <text {...beside} className="age-text" y={TOP + 9}>
          {brief(top)}
        </text>
      )}
      {clear(BOTTOM - 4, edges) && (
        <text {...beside} className="age-text" y={BOTTOM + 1}>
          0
        </text>
      )}
      {bounds.map((each, at) => (
        <g key={each.word}>
          <path
            className={`age-bound ${at ? "age-bound-second" : ""}`}
            d={each.edges
              .map(({ start, end, from, to }) => `M${x(start)} ${y(from)}L${x(end)} ${y(to)}`)
              .join("")}
          />
          {clear(edges[at] ?? 0, edges.slice(0, at)) && (
            <text {...beside} className="age-text age-text-bound" y={(edges[at] ?? 0) + 4}>
              {each.short}
            </text>
          )}
        </g>
      ))}
    </>
  );
}

const HOUR_MS = 3_600_000;

const LABEL = 52;

export function Axis({ span, x, width }: { span: Span; x: Scale; width: number }) {
  const hours = (span.end - span.start) / HOUR_MS;
  const step = hours <= 6 ? 1 : hours <= 24 ? 6 : 24;
  const ticks = Array.from({ length: Math.round(hours / step) + 1 }, (_, at) => at * step);
  // As many labels as there is room for, counted from now.
  const every = Math.ceil(LABEL / (((width - LEFT) * step) / hours));
  const labelled = ticks.filter((_, at) => at % every === 0);
  const first = labelled[labelled.length - 1];
  return (
    <g>
      <path className="age-axis" d={`M${LEFT} ${BOTTOM}H${width}`} />
      {ticks.map((back) => (
        <path
          key={back}
          className="age-tick"
          d={`M${x(span.end - back * HOUR_MS)} ${TOP}V${BOTTOM}`}
        />
      ))}
      {labelled.map((back) => (
        <text
          key={back}
          className="age-text"
          x={x(span.end - back * HOUR_MS)}
          y={HEIGHT - 4}
          textAnchor={back ? "middle" : "end"}
        >
          {back ? `${brief(back * 3600)}${back === first ? " ago" : ""}` : "now"}
        </text>
      ))}
    </g>
  );
}
