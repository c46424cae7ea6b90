import { useState } from "react";
import type { TableRow, TablesAnswer } from "../answers";
import { api } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import { plural, size } from "../model/numbers";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Words } from "../parts/Text";
import { Time } from "../parts/Time";
import { dataPath } from "../router";

/** What a line publishes, and what its Sinks can rely on. */
export function Tables({ line, major, told }: { line: string; major: number; told: TablesAnswer }) {
  return (
    <>
      <ul className="rows">
        {told.tables.map((table) => (
          <li key={table.table} className="table">
            <Table line={line} snapshot={told.snapshot} table={table} />
          </li>
        ))}
      </ul>
      <p className="under">
        The contract: these tables and their columns stay in every version of major {major}. A run
        that would drop one fails, and nothing of it is published.
      </p>
      {told.dropped.map((table) => (
        <p key={table.table} className="under">
          <Words text={table.table} /> is no longer published since version{" "}
          {oneLine(table.version, 24)}:{" "}
          {table.removed ? "an operator removed it" : "its Pond dropped it"}.
        </p>
      ))}
    </>
  );
}

function Table({ line, snapshot, table }: { line: string; snapshot: number; table: TableRow }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <div className="table-row">
        <span className="grow">
          <Link to={dataPath(line, table.table)}>
            <Words text={table.table} />
          </Link>
          {table.older && (
            <span className="under">
              older: as of <Time at={table.as_of} />
            </span>
          )}
        </span>
        <span className="number">{plural(table.rows, "row")}</span>
        <span className="number">{size(table.bytes)}</span>
        <button
          type="button"
          className="small"
          aria-expanded={open}
          aria-label={`Columns of ${oneLine(table.table, 60)}`}
          onClick={() => setOpen(!open)}
        >
          Columns {open ? "▴" : "▾"}
        </button>
      </div>
      {open && <Columns line={line} snapshot={snapshot} table={table.table} />}
    </>
  );
}

/** The columns as DuckDB reads them from the table's file. */
function Columns({ line, snapshot, table }: { line: string; snapshot: number; table: string }) {
  const asked = useAnswer(`columns ${line} ${table} ${snapshot}`, (signal) =>
    api.rows(line, table, { limit: 1 }, signal),
  );
  return (
    <>
      {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
      {asked.loading && <Loading what="columns" />}
      <dl className="facts">
        {asked.answer?.columns.map((column, at) => [
          <dt key={`${at} name`}>
            <Words text={column.name} />
          </dt>,
          <dd key={`${at} type`}>{oneLine(column.type, 200)}</dd>,
        ])}
      </dl>
    </>
  );
}
