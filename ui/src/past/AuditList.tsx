import type { AuditRow } from "../answers";
import { useCatchment } from "../api/catchment";
import { serverNow, useGraph } from "../api/status";
import { ALL, lineOf, rowKey, who } from "../model/audit";
import type { Graph } from "../model/lines";
import { around } from "../model/replay";
import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { Time } from "../parts/Time";
import { pondPath, replayPath, whyPath } from "../router";

const MOST_PONDS = 6;
/** In minutes. The letter of a change comes after it, but clocks of two machines may differ. */
const SECOND = 1 / 60;

/** Changes: who asked, for what, when and why. Those that were refused say so. */
export function AuditList({ rows }: { rows: AuditRow[] }) {
  const graph = useGraph();
  const proves = useCatchment()?.kind === "aws";
  return (
    <ul className="changes">
      {rows.map((row) => (
        <Change key={rowKey(row)} row={row} graph={graph} proves={proves} />
      ))}
    </ul>
  );
}

function Change({ row, graph, proves }: { row: AuditRow; graph: Graph | null; proves: boolean }) {
  const lines = row.ponds.map((name) => ({ name, line: lineOf(name, graph) }));
  const only = lines.length === 1 ? (lines[0]?.line ?? null) : null;
  return (
    <li className={row.refused ? "change-row change-refused" : "change-row"}>
      <span className="change-when">
        <Time at={row.at} />
      </span>
      <span className="change-who" title={row.by ? oneLine(row.by) : undefined}>
        {who(row)}
        {proves && row.by && !row.proven && <small> not confirmed</small>}
      </span>
      <span className="change-what">
        <strong>{oneLine(row.what, 400)}</strong> <Ponds lines={lines} />
        {row.note && <q>{oneLine(row.note, 1000)}</q>}
        {row.refused && (
          <span className="change-why">
            <span className="badge">refused</span> {oneLine(row.refused, 1000)}
          </span>
        )}
        <details>
          <summary>More</summary>
          <dl className="facts">
            <dt>By</dt>
            <dd>
              {row.by ? oneLine(row.by, 600) : "not known"}
              {row.proven ? ", confirmed by AWS" : row.by ? ", as its machine says" : ""}
            </dd>
            <dt>By way of</dt>
            <dd>{row.via ? `the ${oneLine(row.via, 40)}` : "the command"}</dd>
            <dt>Request</dt>
            <dd>{oneLine(row.request, 100)}</dd>
          </dl>
        </details>
      </span>
      <span className="change-links">
        {only && (
          <>
            <Link to={followedPath(only, row.at)}>What followed</Link>
            <Link to={whyPath(only, row.at)}>Why then</Link>
          </>
        )}
      </span>
    </li>
  );
}

/** From the change on: its own step comes first. */
function followedPath(line: string, at: string): string {
  const span = around(at, serverNow(), { before: SECOND });
  return replayPath(line, span && { ...span, step: "first" });
}

function Ponds({ lines }: { lines: { name: string; line: string | null }[] }) {
  const more = lines.length - MOST_PONDS;
  return (
    <>
      {lines.slice(0, MOST_PONDS).map(({ name, line }, at) => (
        <span key={name}>
          {at > 0 && ", "}
          {name === ALL ? (
            "the Catchment"
          ) : line ? (
            <Link to={pondPath(line)}>{oneLine(name, 60)}</Link>
          ) : (
            oneLine(name, 60)
          )}
        </span>
      ))}
      {more > 0 && ` and ${more} more`}
    </>
  );
}
