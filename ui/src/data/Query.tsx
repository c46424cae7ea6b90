import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { api, Refusal } from "../api/client";
import type { Grid } from "../api/shapes";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { GridTable } from "./GridTable";

const MOST_ROWS = 1000;

type Outcome = { grid: Grid } | { fault: Refusal } | "busy" | null;

/** SQL over the published tables of one line. */
export function Query({ line, table }: { line: string; table: string | null }) {
  const [sql, setSql] = useState(table ? `SELECT * FROM ${quoted(table)} LIMIT 100` : "");
  const [outcome, setOutcome] = useState<Outcome>(null);
  const [saving, setSaving] = useState("");
  const result = useRef<HTMLDivElement>(null);
  const shown = outcome !== null && outcome !== "busy";
  useEffect(() => {
    if (shown) result.current?.scrollIntoView({ block: "nearest" });
  }, [shown, outcome]);
  const run = async (): Promise<void> => {
    if (!sql.trim() || outcome === "busy") return;
    setOutcome("busy");
    setOutcome(await attempt(async () => ({ grid: await api.query(line, sql, MOST_ROWS) })));
  };
  const save = async (format: "csv" | "parquet"): Promise<void> => {
    setSaving(format);
    const done = await attempt(async () => {
      download(await api.export(line, sql, format), `${table ?? line}.${format}`);
      return null;
    });
    if (done) setOutcome(done);
    setSaving("");
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void run();
    }
  };
  return (
    <section className="part" aria-label="SQL">
      <h2>SQL over {oneLine(line, 60)}</h2>
      <textarea
        value={sql}
        rows={Math.min(14, Math.max(3, sql.split("\n").length + 1))}
        spellCheck={false}
        aria-label={`SQL over the tables of ${line}`}
        placeholder="SELECT count(*) FROM …"
        onChange={(event) => setSql(event.target.value)}
        onKeyDown={press}
      />
      <div className="buttons">
        <button
          type="button"
          className="primary"
          disabled={!sql.trim() || outcome === "busy"}
          onClick={() => void run()}
        >
          Run <kbd>Ctrl Enter</kbd>
        </button>
        <button
          type="button"
          disabled={!sql.trim() || saving !== ""}
          onClick={() => void save("csv")}
        >
          {saving === "csv" ? "Saving …" : "CSV"}
        </button>
        <button
          type="button"
          disabled={!sql.trim() || saving !== ""}
          onClick={() => void save("parquet")}
        >
          {saving === "parquet" ? "Saving …" : "Parquet"}
        </button>
      </div>
      <div aria-live="polite" ref={result}>
        {outcome === "busy" && <Loading what="the result" />}
        {outcome && outcome !== "busy" && "fault" in outcome && <Refused fault={outcome.fault} />}
        {outcome && outcome !== "busy" && "grid" in outcome && (
          <GridTable grid={outcome.grid} label="The result" />
        )}
      </div>
    </section>
  );
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replace(/"/g, '""')}"`;
}

async function attempt<Done>(ask: () => Promise<Done>): Promise<Done | { fault: Refusal }> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refusal) return { fault: error };
    return { fault: new Refusal({ type: "BadAnswer", message: String(error), hint: "" }) };
  }
}

function download(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
