import type { BoundTold } from "../answers";
import { allowedAt, allowedOf, type Edge } from "../model/bounds";
import type { Graph, Line } from "../model/lines";
import { exact } from "../model/moments";
import { oneLine } from "../model/text";
import { useMoment } from "../parts/clock";
import { Link } from "../parts/Link";
import { LineName } from "../parts/LineName";
import { StateIcon } from "../parts/State";
import { Age, Time } from "../parts/Time";
import { pondPath } from "../router";

const DAY_MS = 86_400_000;

interface Row {
  line: Line;
  word: "Tide" | "bound";
  told: string;
  edges: Edge[];
  /** Null: it has never been published. */
  share: number | null;
}

/** Each line with a Tide or a declared bound: its age against it. The worst first. */
export function Bounds({ graph }: { graph: Graph }) {
  const rows = graph.lines
    .flatMap((line) => rowsOf(line, graph.now))
    .sort((one, other) => (other.share ?? Infinity) - (one.share ?? Infinity));
  if (!rows.length) {
    return (
      <p>
        No Pond has a Tide or a bound. A Tide keeps an Outlet no older than it says; a bound says
        when somebody has to be told. Open a Pond and set one.
      </p>
    );
  }
  return (
    <ul className="rows">
      {rows.map((row) => (
        <li key={`${row.line.line} ${row.word}`}>
          <StateIcon word={row.line.status} />
          <span className="grow tide">
            <Link to={pondPath(row.line.line)} className="name" title={oneLine(row.line.line)}>
              <LineName name={row.line.line} />
            </Link>
            <Share row={row} />
            {row.word === "bound" && row.line.bound && <Passes bound={row.line.bound} />}
          </span>
          <span className="number">
            <Age from={row.line.agedFrom} /> {row.told}
          </span>
        </li>
      ))}
    </ul>
  );
}

function rowsOf(line: Line, now: number): Row[] {
  return allowedOf(line, { start: now - DAY_MS, end: now + DAY_MS }).map(({ word, edges }) => {
    const allowed = allowedAt(edges, now);
    const age = line.agedFrom === null ? null : (now - line.agedFrom) / 1000;
    const seconds = word === "Tide" ? line.trigger?.bound : line.bound?.within;
    const told = seconds ? `of ${exact(seconds)}` : "old";
    return {
      line,
      word,
      told,
      edges,
      share: age === null || allowed === null ? null : age / allowed,
    };
  });
}

/** When its bound passes, as things are. */
function Passes({ bound }: { bound: BoundTold }) {
  return (
    <span className={`under ${bound.stale ? "older" : ""}`}>
      {bound.stale ? (
        <>
          past its bound ({oneLine(bound.words, 60)}) since <Time at={bound.stale} />
        </>
      ) : bound.due ? (
        <>
          will pass its bound ({oneLine(bound.words, 60)}) at <Time at={bound.due} />, unless
          something newer is published
        </>
      ) : (
        `within its bound (${oneLine(bound.words, 60)})`
      )}
    </span>
  );
}

function Share({ row: { line, word, edges } }: { row: Row }) {
  const share = useMoment((now) => {
    if (line.agedFrom === null) return 100;
    const allowed = allowedAt(edges, now);
    return allowed ? Math.round(((now - line.agedFrom) / 1000 / allowed) * 100) : 0;
  });
  const level = share > 100 ? "over" : share > 80 ? "near" : "well";
  return (
    <span className={`gauge gauge-${level}`} role="img" aria-label={`${share} % of its ${word}`}>
      <i style={{ width: `${Math.min(100, share)}%` }} />
    </span>
  );
}
