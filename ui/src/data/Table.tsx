import { api } from "../api/client";
import { useLine } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { count, size } from "../model/numbers";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Age, Time } from "../parts/Time";
import { pondPath, runPath } from "../router";
import { GridTable } from "./GridTable";

const FIRST_ROWS = 200;

/** A published table: its size, its age and its first rows. */
export function Table({ line, table }: { line: string; table: string }) {
  const held = useLine(line);
  const rows = useAnswer(`rows ${line} ${table} ${held?.end_f ?? ""}`, (signal) =>
    api.rows(line, table, FIRST_ROWS, signal),
  );
  const detail = useAnswer(`detail ${line} ${held?.end_f ?? ""}`, (signal) =>
    api.line(line, signal),
  );
  const told = detail.answer?.tables?.tables.find((each) => each.table === table);
  return (
    <section aria-label={`Table ${table}`}>
      <div className="page-head">
        <h1>{oneLine(table, 60)}</h1>
        <span>
          of <Link to={pondPath(line)}>{oneLine(line, 60)}</Link>
        </span>
      </div>
      {told && (
        <dl className="facts facts-wide">
          <dt>Rows</dt>
          <dd>{count(told.rows)}</dd>
          <dt>Size</dt>
          <dd>{size(told.bytes)}</dd>
          <dt>Fresh as of</dt>
          <dd>
            <Time at={told.as_of ?? told.f} />
            {held && !told.older && (
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
        </dl>
      )}
      {rows.fault && <Refused fault={rows.fault} again={rows.again} />}
      {rows.loading && <Loading what="rows" />}
      {rows.answer && <GridTable grid={rows.answer} label={`The first rows of ${table}`} />}
    </section>
  );
}
