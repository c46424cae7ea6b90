import { Empty } from "../parts/Empty";
import { Catalog } from "./Catalog";
import { Query } from "./Query";
import { Table } from "./Table";

/** Ponds and their tables, the first rows, and SQL. */
export default function Data({ line, table }: { line: string | null; table: string | null }) {
  return (
    <div className="data">
      <Catalog line={line} table={table} />
      <div className="data-main">
        {!table && <h1 className="unseen">Data</h1>}
        {line ? (
          <>
            {table && <Table key={`${line} ${table}`} line={line} table={table} />}
            <Query key={line} line={line} table={table} />
          </>
        ) : (
          <Empty title="Choose a Pond or a table.">
            <p>You see its columns and first rows, and can ask it in SQL.</p>
          </Empty>
        )}
      </div>
    </div>
  );
}
