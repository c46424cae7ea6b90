import { api } from "../api/client";
import { useLine } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { count, size } from "../model/numbers";
import { publishedKey } from "../model/published";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Age, Time } from "../parts/Time";
import { dataPath, runPath, withQuery } from "../router";
import { Warnings } from "../runs/Checks";
import { Changes } from "./Changes";
import { GridTable } from "./GridTable";
import { Lineage } from "./Lineage";
import { Past, partsOf } from "./Pond";

const FIRST_ROWS = 200;
const SHOWN = [
  ["rows", "Rows"],
  ["changes", "Changes"],
  ["lineage", "Lineage"],
] as const;

/** A published table: its size, its age, and its rows, what changed in it, or its lineage. */
export function Table({
  line,
  table,
  snapshot,
  query,
}: {
  line: string;
  table: string;
  snapshot: number | null;
  query: URLSearchParams;
}) {
  const held = useLine(line);
  const show = SHOWN.find(([name]) => name === query.get("show"))?.[0] ?? "rows";
  const key = `${line} ${snapshot ?? publishedKey(held)}`;
  const detail = useAnswer(`detail ${key}`, async (signal) =>
    snapshot ? api.tables(line, snapshot, signal) : (await api.line(line, signal)).tables,
  );
  const told = detail.answer?.tables.find((each) => each.table === table);
  const here = (name: string): string =>
    withQuery(dataPath(line, table), { snapshot, show: name === "rows" ? null : name });
  return (
    <section aria-label={`Table ${table}`}>
      <div className="page-head">
        <h1>{oneLine(table, 60)}</h1>
        <span>
          of <Link to={withQuery(dataPath(line), { snapshot })}>{oneLine(line, 60)}</Link>
        </span>
        <span className="grow" />
        <nav className="tabs" aria-label={`Of table ${table}`}>
          {SHOWN.map(([name, word]) => (
            <Link key={name} to={here(name)} aria-current={show === name ? "page" : undefined}>
              {word}
            </Link>
          ))}
        </nav>
      </div>
      {snapshot && (
        <Past line={line} snapshot={snapshot} table={table} f={detail.answer?.f ?? null} />
      )}
      {told && (
        <dl className="facts facts-wide">
          <dt>Rows</dt>
          <dd>{count(told.rows)}</dd>
          <dt>Size</dt>
          <dd>
            {size(told.bytes)}
            {partsOf(told) > 1 && ` in ${partsOf(told)} parts`}
          </dd>
          <dt>Fresh as of</dt>
          <dd>
            <Time at={told.as_of ?? told.f} />
            {held && !told.older && !snapshot && (
              <>
                {" "}
                (<Age from={held.agedFrom} /> old)
              </>
            )}
          </dd>
          <dt>Written in</dt>
          <dd>
            <Link to={runPath(told.written_in)}>{oneLine(told.written_in, 60)}</Link>
            {told.version ? `, version ${oneLine(told.version, 24)}` : ""}
          </dd>
          {(told.merge_key ?? []).length > 0 && (
            <>
              <dt>Merged by</dt>
              <dd>{told.merge_key.map((name) => oneLine(name, 60)).join(", ")}</dd>
            </>
          )}
          {!snapshot && <Warnings warnings={held?.warnings} />}
        </dl>
      )}
      {show === "rows" && <Rows line={line} table={table} snapshot={snapshot} of={key} />}
      {show === "changes" && (
        <Changes
          line={line}
          table={table}
          to={snapshot}
          mergeKey={told?.merge_key ?? []}
          of={key}
        />
      )}
      {show === "lineage" && <Lineage line={line} table={table} of={key} />}
    </section>
  );
}

function Rows({
  line,
  table,
  snapshot,
  of,
}: {
  line: string;
  table: string;
  snapshot: number | null;
  of: string;
}) {
  const rows = useAnswer(`rows ${table} ${of}`, (signal) =>
    api.rows(line, table, { limit: FIRST_ROWS, ...(snapshot ? { snapshot } : {}) }, signal),
  );
  return (
    <>
      {rows.fault && <Refused fault={rows.fault} again={rows.again} />}
      {rows.loading && <Loading what="rows" />}
      {rows.answer && <GridTable grid={rows.answer} label={`The first rows of ${table}`} />}
    </>
  );
}
