import type { IcebergDatabase, LakeAnswer } from "../answers";
import { api } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import { instant } from "../model/moments";
import { plural, size } from "../model/numbers";
import { oneLine } from "../model/text";
import { Copy } from "../parts/Copy";
import { Age } from "../parts/Time";

/** Where all published tables lie as one DuckLake catalog. Nothing, where there is none. */
export function Lake() {
  const { answer } = useAnswer("lake", (signal) => api.lake(signal));
  if (answer?.seconds == null) return null;
  return (
    <section className="part" aria-label="Lake">
      <h2>Lake</h2>
      <p>
        All published tables are one DuckLake catalog. Any DuckDB attaches it:{" "}
        <code>duckstring lake --sql</code> prints how.
      </p>
      <div className="buttons">
        <code className="address">{oneLine(answer.newest, 300)}</code>
        <Copy text={answer.newest} />
      </div>
      <p className="under">
        <Newest catalog={answer.catalog} />
      </p>
      {answer.iceberg && <Iceberg databases={answer.iceberg} />}
    </section>
  );
}

function Newest({ catalog }: { catalog: LakeAnswer["catalog"] }) {
  if (!catalog) return <>Nothing is there yet: it is made within some minutes.</>;
  return (
    <>
      Made <Age from={instant(catalog.at)} /> ago: {plural(catalog.tables, "table")} of{" "}
      {plural(catalog.lines, "Pond")}, {size(catalog.bytes)}.
    </>
  );
}

function Iceberg({ databases }: { databases: IcebergDatabase[] }) {
  const tables = databases.reduce((sum, one) => sum + one.tables, 0);
  const leftOut = databases.reduce((sum, one) => sum + Object.keys(one.left_out).length, 0);
  return (
    <p className="under">
      As Iceberg tables in Glue: {plural(tables, "table")} of {plural(databases.length, "database")}
      {leftOut > 0 && (
        <>
          ; {leftOut} left out, and <code>duckstring lake</code> says why
        </>
      )}
      .
    </p>
  );
}
