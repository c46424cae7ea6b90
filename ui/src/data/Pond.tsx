import type { TableRow, TablesAnswer } from "../answers";
import { api } from "../api/client";
import { useLine } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { publishedKey } from "../model/published";
import { count, size } from "../model/numbers";
import { oneLine } from "../model/text";
import { Empty, Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Time } from "../parts/Time";
import { dataPath, pondPath, runPath, withQuery } from "../router";
import { PublishedChecks } from "./PublishedChecks";
import { Snapshots } from "./Snapshots";

/** What a line publishes, or had published: its tables, its snapshots and its checks. */
export function Pond({ line, snapshot }: { line: string; snapshot: number | null }) {
  const held = useLine(line);
  const asked = useAnswer(`published ${line} ${snapshot ?? publishedKey(held)}`, (signal) =>
    snapshot ? api.tables(line, snapshot, signal) : published(line, signal),
  );
  const told = asked.answer;
  return (
    <>
      <section aria-label={`Tables of ${line}`}>
        <div className="page-head">
          <h1>{oneLine(line, 60)}</h1>
          <span>
            <Link to={pondPath(line)}>in the pipeline</Link>
          </span>
        </div>
        {snapshot && <Past line={line} snapshot={snapshot} f={told?.f ?? null} />}
        {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
        {asked.loading && <Loading what="tables" />}
        {told && told.tables.length > 0 && <Tables told={told} snapshot={snapshot} />}
        {told && !told.tables.length && <Empty title="It publishes no tables." />}
        {asked.answer === null && !asked.loading && !asked.fault && (
          <Empty title="It has published nothing yet." />
        )}
      </section>
      {held && held.tables > 0 && <Snapshots line={held} shown={snapshot} />}
      {told && (
        <PublishedChecks run={`${told.line}/${told.snapshot}`} line={line} number={told.snapshot} />
      )}
    </>
  );
}

async function published(line: string, signal: AbortSignal): Promise<TablesAnswer | null> {
  return (await api.line(line, signal)).tables;
}

/** That one looks at an earlier snapshot, and the way back. */
export function Past({
  line,
  snapshot,
  table,
  f,
}: {
  line: string;
  snapshot: number;
  table?: string;
  f: string | null;
}) {
  return (
    <p className="past">
      <span>
        As{" "}
        <Link to={runPath(`${line}/${snapshot}`)}>
          {oneLine(line, 60)}/{snapshot}
        </Link>{" "}
        published it
        {f && (
          <>
            , fresh as of <Time at={f} />
          </>
        )}
        .
      </span>
      <Link className="button" to={dataPath(line, table)}>
        Back to what is published
      </Link>
    </p>
  );
}

function Tables({ told, snapshot }: { told: TablesAnswer; snapshot: number | null }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={`The tables of ${told.line}`}>
      <table className="feed">
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col" className="number">
              Rows
            </th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col" className="number">
              Parts
            </th>
            <th scope="col">Fresh as of</th>
            <th scope="col">Written in</th>
            <th scope="col">Version</th>
          </tr>
        </thead>
        <tbody>
          {told.tables.map((table) => (
            <TableLine key={table.table} line={told.line} table={table} snapshot={snapshot} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TableLine({
  line,
  table,
  snapshot,
}: {
  line: string;
  table: TableRow;
  snapshot: number | null;
}) {
  return (
    <tr>
      <td>
        <Link to={withQuery(dataPath(line, table.table), { snapshot })}>
          {oneLine(table.table, 60)}
        </Link>
      </td>
      <td className="number">{count(table.rows)}</td>
      <td className="number">{size(table.bytes)}</td>
      <td className="number">{partsOf(table)}</td>
      <td>
        <Time at={table.as_of ?? table.f} never="not known" />
        {table.older && <span className="older"> older</span>}
      </td>
      <td>
        <Link to={runPath(table.written_in)}>{oneLine(table.written_in, 60)}</Link>
      </td>
      <td>{table.version ? oneLine(table.version, 24) : "–"}</td>
    </tr>
  );
}

/** Of how many objects its rows lie in. */
export const partsOf = (table: TableRow): number =>
  (table.parts ?? []).filter((part) => part.use !== "news").length || 1;
