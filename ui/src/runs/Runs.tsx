import { useState } from "react";
import type { RunRow } from "../answers";
import { api } from "../api/client";
import { useGraph } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { instant, took } from "../model/moments";
import { oneLine } from "../model/text";
import { useMoment } from "../parts/clock";
import { Empty, Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { StateChip } from "../parts/State";
import { Time } from "../parts/Time";
import { go, runPath, useRoute } from "../router";

const STEP = 50;
const STATUSES = ["running", "success", "pass", "failed", "killed"];

/** What ran, newest first. The filters are in the address. */
export default function Runs() {
  const { query } = useRoute();
  const pond = query.get("pond") ?? "";
  const status = query.get("status") ?? "";
  const [limit, setLimit] = useState(STEP);
  const graph = useGraph();
  // Asked again when a run has begun or ended anywhere.
  const latest =
    graph?.lines
      .map((line) => `${line.last_run?.run ?? ""}${line.last_run?.status ?? ""}${line.runs.length}`)
      .join() ?? "";
  const asked = useAnswer(`${pond} ${status} ${limit}`, (signal) =>
    api.runs({ pond, status, limit }, signal),
  );
  useWhenChanged(latest, asked.again);
  const filter = (name: string, value: string): void => {
    const next = new URLSearchParams(query);
    if (value) next.set(name, value);
    else next.delete(name);
    setLimit(STEP);
    go(`/runs${next.size ? `?${next}` : ""}`, "replace");
  };
  const [held, setHeld] = useState<RunRow[]>([]);
  if (asked.answer && asked.answer.runs !== held) setHeld(asked.answer.runs);
  const rows = asked.answer?.runs ?? (limit > STEP ? held : null);
  const ponds = [...new Set(graph?.lines.map((line) => line.pond) ?? [])].sort();
  return (
    <div className="page">
      <div className="page-head">
        <h1>Runs</h1>
        <label>
          Pond
          <select value={pond} onChange={(event) => filter("pond", event.target.value)}>
            <option value="">all Ponds</option>
            {pond && !ponds.includes(pond) && <option value={pond}>{oneLine(pond, 60)}</option>}
            {ponds.map((each) => (
              <option key={each} value={each}>
                {oneLine(each, 60)}
              </option>
            ))}
          </select>
        </label>
        <div className="chips" role="group" aria-label="State">
          {STATUSES.map((each) => (
            <button
              key={each}
              type="button"
              className="pick"
              aria-pressed={status === each}
              onClick={() => filter("status", status === each ? "" : each)}
            >
              {each}
            </button>
          ))}
        </div>
      </div>
      {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
      {!rows && !asked.fault && <Loading what="runs" />}
      {rows && !rows.length && (
        <Empty title={pond || status ? "No run is like this." : "Nothing has run yet."}>
          <p>
            {pond || status
              ? "Change the filters above."
              : "Tap or Pulse an Outlet: what it needs runs first."}
          </p>
        </Empty>
      )}
      {rows && rows.length > 0 && <Feed rows={rows} />}
      {rows && rows.length >= limit && (
        <button
          type="button"
          className="more"
          disabled={asked.loading}
          onClick={() => setLimit((old) => old * 2)}
        >
          {asked.loading ? "Loading …" : "Show more"}
        </button>
      )}
    </div>
  );
}

function useWhenChanged(value: string, act: () => void): void {
  const [old, setOld] = useState(value);
  if (old !== value) {
    setOld(value);
    if (old) queueMicrotask(act);
  }
}

function Feed({ rows }: { rows: RunRow[] }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Runs, newest first">
      <table className="feed">
        <thead>
          <tr>
            <th>Run</th>
            <th>State</th>
            <th>Started</th>
            <th className="number">Took</th>
            <th>Fresh as of</th>
            <th>Version</th>
            <th>What happened</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <FeedRow key={row.run} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function FeedRow({ row }: { row: RunRow }) {
  return (
    <tr>
      <td>
        <Link to={runPath(row.run)} className="strong">
          {oneLine(row.pond, 48)}
          <small>@{row.major}</small> / {row.number}
        </Link>
      </td>
      <td>
        <StateChip word={row.status} />
      </td>
      <td>
        <Time at={row.started} />
      </td>
      <td className="number">
        <Took row={row} />
      </td>
      <td>
        <Time at={row.f} />
      </td>
      <td>{oneLine(row.version, 24)}</td>
      <td className="happened">
        {row.error || row.message ? (
          <span title={oneLine(row.message ?? "")}>
            {row.ripple ? `${oneLine(row.ripple, 40)}: ` : ""}
            {oneLine([row.error, row.message].filter(Boolean).join(": "), 120)}
          </span>
        ) : row.overtaken_by ? (
          `overtaken by ${oneLine(row.overtaken_by, 48)}`
        ) : row.status === "pass" ? (
          "its Sources had not changed"
        ) : row.status === "running" ? (
          "in flight"
        ) : row.status === "success" ? (
          row.changed === false ? (
            "wrote the same as before"
          ) : (
            "published"
          )
        ) : (
          ""
        )}
      </td>
    </tr>
  );
}

export function Took({ row }: { row: RunRow }) {
  const from = instant(row.started);
  const to = instant(row.finished);
  const text = useMoment((now) => (from === null ? "" : took(((to ?? now) - from) / 1000)));
  return <>{text}</>;
}
