import { useGraph, useLine } from "../api/status";
import { sqlName } from "../model/published";
import { Catalog } from "./Catalog";
import { Pond } from "./Pond";
import { Sql } from "./Sql";
import { Table } from "./Table";

/** Ponds and their tables, what is kept of them, and SQL. */
export default function Data({
  line,
  table,
  query,
}: {
  line: string | null;
  table: string | null;
  query: URLSearchParams;
}) {
  const graph = useGraph();
  const held = useLine(line ?? "");
  const first = graph && held && table ? `FROM ${sqlName(held, table, graph)} LIMIT 100` : "";
  const number = Number(query.get("snapshot"));
  const snapshot = Number.isSafeInteger(number) && number > 0 ? number : null;
  return (
    <div className="data">
      <Catalog line={line} table={table} snapshot={snapshot} />
      <div className="data-main">
        {line && table && (
          <Table
            key={`${line} ${table}`}
            line={line}
            table={table}
            snapshot={snapshot}
            query={query}
          />
        )}
        {line && !table && <Pond key={line} line={line} snapshot={snapshot} />}
        {!line && (
          <div className="page-head">
            <h1>Data</h1>
            <span>Choose a Pond or a table, or ask all of them in SQL.</span>
          </div>
        )}
        {(!table || first) && (
          <Sql
            key={`sql ${line ?? ""} ${table ?? ""}`}
            place={`${line ?? ""} ${table ?? ""}`}
            first={first}
            heading="SQL over all Ponds"
          />
        )}
      </div>
    </div>
  );
}
