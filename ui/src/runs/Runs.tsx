import { useMemo, useState } from "react";
import type { RunRow } from "../answers";
import type { RunsAsked } from "../api/client";
import { useGraph } from "../api/status";
import { momentOf, SPANS } from "../model/feed";
import { instant, localMinute, took } from "../model/moments";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { useMoment } from "../parts/clock";
import { Empty, Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { StateChip } from "../parts/State";
import { Time } from "../parts/Time";
import { askedFor } from "../model/audit";
import { go, runPath, useRoute } from "../router";
import { useRuns } from "./useRuns";

const DAY_MS = 86_400_000;

const STATUSES = ["running", "success", "pass", "failed", "killed"];
const SPAN_WORDS: Record<(typeof SPANS)[number], string> = {
  "1h": "the last hour",
  "24h": "the last 24 hours",
  "7d": "the last 7 days",
  "30d": "the last 30 days",
};

/** What ran, newest first. The filters are in the address. */
export default function Runs() {
  const { query } = useRoute();
  const [pond, status, since, until] = ["pond", "status", "since", "until"].map(
    (name) => query.get(name) ?? "",
  ) as [string, string, string, string];
  const graph = useGraph();
  const inFlight = useMemo(
    () => new Set(graph?.lines.flatMap((line) => line.runs.map((run) => run.run)) ?? []),
    [graph],
  );
  const asked = (): RunsAsked => ({
    pond,
    status,
    since: momentOf(since, Date.now()),
    until: momentOf(until, Date.now()),
  });
  const feed = useRuns([pond, status, since, until].join(" "), asked, inFlight);
  const odd = [since, until].filter((text) => text && momentOf(text, Date.now()) === undefined);
  // Asked again when a run has begun or ended anywhere.
  const latest =
    graph?.lines
      .map((line) => `${line.last_run?.run ?? ""}${line.last_run?.status ?? ""}${line.runs.length}`)
      .join() ?? "";
  useWhenChanged(latest, feed.again);
  const filter = (changes: Record<string, string>): void => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    go(`/runs${next.size ? `?${next}` : ""}`, "replace");
  };
  const ponds = [...new Set(graph?.lines.map((line) => line.pond) ?? [])].sort();
  const filtered = pond || status || since || until;
  const { rows } = feed;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Runs</h1>
        <label>
          Pond
          <select value={pond} onChange={(event) => filter({ pond: event.target.value })}>
            <option value="">all Ponds</option>
            {pond && !ponds.includes(pond) && <option value={pond}>{oneLine(pond, 60)}</option>}
            {ponds.map((each) => (
              <option key={each} value={each}>
                {oneLine(each, 60)}
              </option>
            ))}
          </select>
        </label>
        <Span since={since} until={until} onChange={filter} />
        <div className="chips" role="group" aria-label="State">
          {STATUSES.map((each) => (
            <button
              key={each}
              type="button"
              className="pick"
              aria-pressed={status === each}
              onClick={() => filter({ status: status === each ? "" : each })}
            >
              {each}
            </button>
          ))}
        </div>
      </div>
      {odd.length > 0 && (
        <p className="hint">Not understood, so left out: {oneLine(odd.join(", "), 80)}</p>
      )}
      {feed.fault && <Refused fault={feed.fault} again={feed.again} />}
      {!rows && !feed.fault && <Loading what="runs" />}
      {rows && !rows.length && (
        <Empty title={filtered ? "No run is like this." : "Nothing has run yet."}>
          <p>
            {filtered
              ? "Change the filters above."
              : "Tap or Pulse an Outlet: what it needs runs first."}
          </p>
        </Empty>
      )}
      {rows && rows.length > 0 && <Feed rows={rows} />}
      {rows && rows.length > 0 && (
        <p className="feed-end">
          {feed.more ? (
            <button
              type="button"
              className="more"
              disabled={feed.loadingOlder}
              onClick={feed.showOlder}
            >
              {feed.loadingOlder ? "Loading …" : "Show older runs"}
            </button>
          ) : (
            `${plural(rows.length, "run")} in all.`
          )}
        </p>
      )}
    </div>
  );
}

/** When the runs began: any time, the last hours or days, or between two moments. */
function Span({
  since,
  until,
  onChange,
}: {
  since: string;
  until: string;
  onChange: (changes: Record<string, string>) => void;
}) {
  const isPreset = (SPANS as readonly string[]).includes(since) && !until;
  const [between, setBetween] = useState(!isPreset && !!(since || until));
  const pick = (value: string): void => {
    setBetween(value === "between");
    if (value !== "between") onChange({ since: value, until: "" });
    else onChange({ since: localMinute(Date.now() - DAY_MS), until: "" });
  };
  return (
    <>
      <label>
        Begun
        <select value={between ? "between" : since} onChange={(event) => pick(event.target.value)}>
          <option value="">at any time</option>
          {SPANS.map((each) => (
            <option key={each} value={each}>
              in {SPAN_WORDS[each]}
            </option>
          ))}
          <option value="between">between …</option>
        </select>
      </label>
      {between && (
        <>
          <Moment name="from" value={since} onChange={(value) => onChange({ since: value })} />
          <Moment name="to" value={until} onChange={(value) => onChange({ until: value })} />
        </>
      )}
    </>
  );
}

function Moment({
  name,
  value,
  onChange,
}: {
  name: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <label>
      {name}
      <input
        type="datetime-local"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
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
            <th>Asked by</th>
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
  const asked = askedFor(row.by, row.note);
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
      <td className="asked-by" title={oneLine(row.by ?? "")}>
        {asked?.name}
        {asked?.note && <q title={oneLine(asked.note)}>{oneLine(asked.note, 80)}</q>}
      </td>
      <td className="happened">
        {row.error || row.message ? (
          <span title={oneLine(row.message ?? "")}>
            {row.ripple ? `${oneLine(row.ripple, 40)}: ` : ""}
            {oneLine([row.error, row.message].filter(Boolean).join(": "), 120)}
          </span>
        ) : row.overtaken_by ? (
          `overtaken by ${oneLine(row.overtaken_by, 48)}`
        ) : row.status === "killed" ? (
          "an operator killed it"
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
