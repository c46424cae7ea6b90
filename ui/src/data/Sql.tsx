import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { api, Refusal } from "../api/client";
import type { Rows } from "../api/rows";
import type { SqlAsked } from "../api/shapes";
import { Loading, Refused } from "../parts/Empty";
import { Time } from "../parts/Time";
import { Editor } from "./Editor";
import { GridTable } from "./GridTable";

const MOST_ROWS = 1000;

type When = "now" | "consistent" | "at";

interface Outcome {
  rows: Rows | null;
  fault: Refusal | null;
  busy: boolean;
}

const NOTHING: Outcome = { rows: null, fault: null, busy: false };

/** What is typed at each place, while the page is open. */
const drafts = new Map<string, string>();

/** SQL over all Ponds. `first`: the statement that is offered. */
export function Sql({ place, first, heading }: { place: string; first: string; heading: string }) {
  const [sql, setSql] = useState(drafts.get(place) ?? first);
  const [when, setWhen] = useState<When>("now");
  const [at, setAt] = useState("");
  const [outcome, setOutcome] = useState<Outcome>(NOTHING);
  const [saving, setSaving] = useState("");
  const result = useRef<HTMLDivElement>(null);
  const asking = useRef<AbortController | null>(null);
  const instant = useId();
  useEffect(() => () => asking.current?.abort(), []);
  const begun = outcome.busy && !outcome.rows;
  useEffect(() => {
    if (outcome.rows || outcome.fault) result.current?.scrollIntoView({ block: "nearest" });
  }, [begun, outcome.fault]);
  const write = (text: string): void => {
    setSql(text);
    drafts.set(place, text);
  };
  const asked = (): SqlAsked => ({
    sql,
    ...(when === "consistent" ? { consistent: true } : {}),
    ...(when === "at" ? { at } : {}),
  });
  const ready = !!sql.trim() && (when !== "at" || !!at.trim());
  /** One thing at a time: a statement that runs, or a file that is made. */
  const busy = outcome.busy || saving !== "";
  const begin = (): AbortSignal => {
    asking.current = new AbortController();
    return asking.current.signal;
  };
  const cancel = (): void => {
    asking.current?.abort();
    setSaving("");
    setOutcome((old) => ({ ...old, busy: false }));
  };
  const run = async (): Promise<void> => {
    if (!ready || busy) return;
    const signal = begin();
    setOutcome({ ...NOTHING, busy: true });
    const fault = await attempt(signal, () =>
      api.sql(
        { ...asked(), limit: MOST_ROWS },
        (rows) => !signal.aborted && setOutcome({ rows, fault: null, busy: true }),
        signal,
      ),
    );
    if (!signal.aborted) setOutcome((old) => ({ ...old, fault, busy: false }));
  };
  const save = async (format: "csv" | "parquet"): Promise<void> => {
    if (!ready || busy) return;
    const signal = begin();
    setSaving(format);
    const fault = await attempt(signal, async () =>
      download(await api.export(asked(), format, signal), `rows.${format}`),
    );
    if (signal.aborted) return;
    setSaving("");
    if (fault) setOutcome({ ...NOTHING, fault });
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void run();
    }
  };
  return (
    <section className="part" aria-label="SQL" onKeyDown={press}>
      <h2>{heading}</h2>
      <Editor value={sql} onChange={write} label="SQL over all Ponds" />
      <div className="buttons">
        <button
          type="button"
          className="primary"
          disabled={!ready || busy}
          onClick={() => void run()}
        >
          Run <kbd>Ctrl Enter</kbd>
        </button>
        {busy && (
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        )}
        <label>
          Tables
          <select value={when} onChange={(event) => setWhen(event.target.value as When)}>
            <option value="now">as published now</option>
            <option value="consistent">of one freshness</option>
            <option value="at">as of …</option>
          </select>
        </label>
        {when === "at" && (
          <label>
            As of
            <input
              value={at}
              size={18}
              placeholder="2h, 2030-01-31T02:00"
              aria-describedby={instant}
              onChange={(event) => setAt(event.target.value)}
            />
          </label>
        )}
        <span className="grow" />
        {(["csv", "parquet"] as const).map((format) => (
          <button
            key={format}
            type="button"
            disabled={!ready || busy}
            title={`All rows as a ${format === "csv" ? "CSV" : "Parquet"} file`}
            onClick={() => void save(format)}
          >
            {saving === format ? "Saving …" : format === "csv" ? "CSV" : "Parquet"}
          </button>
        ))}
      </div>
      {when !== "now" && (
        <p className="hint" id={instant}>
          {when === "at"
            ? "How long ago (2h, 2d), a time of today (02:00), or an instant, in UTC. Each Pond is read as it was then."
            : "All Ponds are read as of the newest freshness that they share."}
        </p>
      )}
      <div ref={result} className="part">
        <p className="unseen" role="status">
          {outcome.busy ? "The statement runs." : outcome.rows?.end ? "The rows are there." : ""}
        </p>
        {begun && <Loading what="the result" />}
        {outcome.rows?.f && (
          <p>
            Read as of <Time at={outcome.rows.f} />.
          </p>
        )}
        {outcome.rows && (
          <GridTable
            grid={{ ...outcome.rows, more: false, seconds: 0, ...outcome.rows.end }}
            label="The result"
            coming={!outcome.rows.end}
            ended={!outcome.busy}
          />
        )}
        {outcome.fault && <Refused fault={outcome.fault} />}
      </div>
    </section>
  );
}

/** What went wrong; null: nothing, or the reader has cancelled it. */
async function attempt(signal: AbortSignal, ask: () => Promise<unknown>): Promise<Refusal | null> {
  try {
    await ask();
    return null;
  } catch (error) {
    if (signal.aborted) return null;
    if (error instanceof Refusal) return error;
    return new Refusal({ type: "BadAnswer", message: String(error), hint: "" });
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
