import { Handle, Position, type NodeProps } from "@xyflow/react";
import { createContext, memo, useContext } from "react";
import { wanted } from "../model/demand";
import { DOWN, type Line } from "../model/lines";
import { brief, countdown, exact, instant } from "../model/moments";
import { count } from "../model/numbers";
import { onlyAwaits } from "../model/sentences";
import { tagTexts } from "../model/tags";
import { oneLine } from "../model/text";
import { nextOpening } from "../model/windows";
import { useMoment } from "../parts/clock";
import { Link } from "../parts/Link";
import { StateIcon, stateOf } from "../parts/State";
import { Age } from "../parts/Time";
import { pondPath } from "../router";
import { showRootCause } from "./cause";
import type { PondNode } from "./nodes";
import { MODIFIER, pickBy } from "./pick";
import { toggleExpanded, togglePicked } from "./view";

/** How near the reader is: a dot has no name, far only the name, close the Ripples' names. */
export type Distance = "dot" | "far" | "near" | "close";

export const DistanceContext = createContext<Distance>("near");

export const PondCard = memo(function PondCard({ data }: NodeProps<PondNode>) {
  const { line, several, expanded, dim, lit, chosen, picked } = data;
  const distance = useContext(DistanceContext);
  const names = [
    "pond",
    `state-${stateOf(line.status)}`,
    `pond-${distance}`,
    DOWN.has(line.status) ? "pond-down" : "",
    dim ? "dim" : "",
    lit ? "lit" : "",
    chosen ? "chosen" : "",
    picked ? "picked" : "",
  ];
  const detailed = distance === "near" || distance === "close";
  const name = several ? line.line : line.pond;
  return (
    <div className={names.filter(Boolean).join(" ")}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <Handle type="source" position={Position.Right} isConnectable={false} />
      <div className="pond-head">
        {(distance !== "dot" || line.status !== "idle") && <StateIcon word={line.status} />}
        <Link
          to={pondPath(line.line)}
          className="pond-name"
          style={distance === "far" ? farSize(name) : undefined}
          aria-label={`${line.line}, ${line.status}${picked ? ", selected" : ""}`}
          title={oneLine(line.line)}
          {...(picked === null ? {} : pickBy(line.line))}
        >
          {distance !== "dot" && oneLine(name, 60)}
        </Link>
        {detailed && <span className="pond-word">{line.status}</span>}
      </div>
      {picked !== null && <Tick line={line.line} picked={picked} />}
      {detailed && <Details line={line} expanded={expanded} distance={distance} />}
    </div>
  );
});

/** Space on the name does the same, so it is no stop of its own for the keyboard. */
function Tick({ line, picked }: { line: string; picked: boolean }) {
  return (
    <button
      type="button"
      className="tick nodrag"
      tabIndex={-1}
      aria-pressed={picked}
      aria-label={`Select ${line}`}
      title={`Select (${MODIFIER}+click, or Space on its name)`}
      onClick={() => togglePicked(line)}
    >
      {picked ? "✓" : ""}
    </button>
  );
}

/** As large as fits: far away, the name is all that can be read. */
function farSize(name: string): { fontSize: number } {
  return { fontSize: Math.max(24, Math.min(40, 330 / Math.max(8, Math.min(name.length, 13)))) };
}

function Details({
  line,
  expanded,
  distance,
}: {
  line: Line;
  expanded: boolean;
  distance: Distance;
}) {
  return (
    <>
      <div className="pond-row">
        <span className="pond-age">
          <Age from={line.agedFrom} />
          {line.agedFrom !== null && <span className="pond-old"> old</span>}
        </span>
        <Badges line={line} />
      </div>
      <Gauge line={line} />
      <Foot line={line} expanded={expanded} distance={distance} />
      {expanded && <Ripples line={line} />}
    </>
  );
}

/** A tag's value, which is shorter than the tag, and how many more there are. */
function TagBadge({ line }: { line: Line }) {
  const tags = tagTexts(line.tags);
  const [first, ...more] = tags;
  if (!first) return null;
  return (
    <span className="badge badge-tag" title={`Tags: ${tags.join(", ")}`}>
      {oneLine(first.slice(first.indexOf("=") + 1), 64)}
      {more.length > 0 && ` +${more.length}`}
    </span>
  );
}

function Badges({ line }: { line: Line }) {
  const opening = nextOpening(line.windows);
  const retry = instant(line.retry_at);
  const asked = wanted(line.demand);
  return (
    <span className="badges">
      {retry !== null && <Counting to={retry} before="retry " title="It is tried again" />}
      {opening && (
        <Counting
          to={opening.at}
          before={opening.open ? "closes " : "opens "}
          title={`Window ${opening.name}`}
        />
      )}
      {line.trigger && (
        <span className="badge">
          {line.trigger.bound === undefined ? "Wave" : `Tide ${exact(line.trigger.bound)}`}
        </span>
      )}
      {asked && line.status !== "running" && (
        <span className={`badge badge-${asked}`}>{asked}</span>
      )}
      {line.asleep && <span className="badge">asleep</span>}
      {line.next && (
        <span className="badge" title="A version that waits">
          {line.next.version} next
        </span>
      )}
      {!!line.backlog && (
        <span className="badge" title="Objects that arrived and wait">
          {count(line.backlog)} waiting
        </span>
      )}
    </span>
  );
}

function Counting({ to, before, title }: { to: number; before: string; title: string }) {
  const text = useMoment((now) => countdown(to, now).split(" ").slice(0, 2).join(" "));
  return (
    <span className="badge" title={oneLine(title)}>
      {before}
      {text}
    </span>
  );
}

/** The age against the Tide's bound. Full means that the bound is reached. */
function Gauge({ line }: { line: Line }) {
  const bound = line.trigger?.bound;
  const from = line.agedFrom;
  const share = useMoment((now) =>
    bound === undefined || from === null ? -1 : Math.round(((now - from) / 1000 / bound) * 100),
  );
  if (bound === undefined || share < 0) return <div className="gauge gauge-none" />;
  const level = share > 100 ? "over" : share > 80 ? "near" : "well";
  return (
    <div
      className={`gauge gauge-${level}`}
      role="img"
      aria-label={`${share} % of its Tide of ${exact(bound)}`}
      title={`${share} % of its Tide of ${exact(bound)}`}
    >
      <i style={{ width: `${Math.min(100, share)}%` }} />
    </div>
  );
}

function Foot({ line, expanded, distance }: { line: Line; expanded: boolean; distance: Distance }) {
  const awaits = onlyAwaits(line) !== "";
  // There is no room for the way to the root cause, a tag and all dots.
  const crowded = awaits || (line.status === "blocked" && tagTexts(line.tags).length > 0);
  return (
    <div className="pond-foot">
      {line.status === "blocked" ? (
        <button
          type="button"
          className="cause nodrag"
          aria-label={`Go to the root cause of ${line.line}`}
          onClick={() => showRootCause(line.line)}
        >
          Root cause →
        </button>
      ) : (
        <Saying line={line} />
      )}
      {!awaits && <TagBadge line={line} />}
      {line.ripples.length > 0 && (
        <button
          type="button"
          className="ripples-toggle nodrag"
          aria-expanded={expanded}
          aria-label={`${line.ripples.length} Ripples of ${line.line}`}
          onClick={() => toggleExpanded(line.line)}
        >
          {distance === "close" && !expanded ? (
            <span className="ripple-names">
              {line.ripples.slice(0, 5).map((ripple) => (
                <span key={ripple.name} className={`state-${stateOf(ripple.status)}`}>
                  <StateIcon word={ripple.status} />
                  {oneLine(ripple.name, 24)}
                </span>
              ))}
              {line.ripples.length > 5 && <span>and {line.ripples.length - 5} more</span>}
            </span>
          ) : (
            <>
              {!crowded && (
                <span className="dots" aria-hidden="true">
                  {line.ripples.slice(0, 8).map((ripple) => (
                    <i key={ripple.name} className={`state-${stateOf(ripple.status)}`} />
                  ))}
                </span>
              )}
              {line.ripples.length} {expanded ? "▴" : "▾"}
            </>
          )}
        </button>
      )}
    </div>
  );
}

/** A few words on what it does: the failure, the reason, or the Ripple at work. */
function Saying({ line }: { line: Line }) {
  const working = line.runs
    .flatMap((run) => run.ripples)
    .find((ripple) => ripple.status === "running");
  const since = instant(working?.since);
  const busy = useMoment((now) =>
    working && since !== null ? `${working.name} ${brief((now - since) / 1000)}` : "",
  );
  const awaits = onlyAwaits(line);
  const text = line.failure
    ? `${line.failure.ripple}: ${line.failure.error || line.failure.message}`
    : busy || awaits || line.reason;
  return (
    <span
      className={`saying ${awaits && !line.failure ? "saying-awaits" : ""}`}
      title={oneLine(line.failure?.message ?? (awaits || line.reason))}
    >
      {oneLine(text, 80)}
    </span>
  );
}

function Ripples({ line }: { line: Line }) {
  return (
    <ul className="pond-ripples" aria-label={`Ripples of ${line.line}`}>
      {line.ripples.map((ripple) => (
        <li key={ripple.name} className={`state-${stateOf(ripple.status)}`}>
          <StateIcon word={ripple.status} />
          <span className="ripple-name">{oneLine(ripple.name, 40)}</span>
          <span className="ripple-where">
            {ripple.runs_on === "task" ? "task" : ""} {ripple.status}
          </span>
        </li>
      ))}
    </ul>
  );
}
