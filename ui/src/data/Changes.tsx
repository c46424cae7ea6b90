import { useState, type FormEvent } from "react";
import type { KeptSnapshot } from "../answers";
import { api } from "../api/client";
import type { Difference } from "../api/shapes";
import { useAnswer } from "../api/useAnswer";
import {
  cellsOf,
  changedColumns,
  columnsTyped,
  KINDS,
  left,
  MARKS,
  schemaWords,
  summary,
} from "../model/differences";
import { instant, localTime } from "../model/moments";
import { count } from "../model/numbers";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Cell } from "../parts/Text";
import { runPath } from "../router";

interface Choice {
  from: number;
  to: number;
  key: string[];
}

/** What differs between two versions of a table. `to`: the snapshot that is looked at. */
export function Changes({
  line,
  table,
  to,
  mergeKey,
  of,
}: {
  line: string;
  table: string;
  to: number | null;
  mergeKey: string[];
  of: string;
}) {
  const kept = useAnswer(`kept for ${of}`, (signal) => snapshotsAround(line, to, signal));
  if (kept.fault) return <Refused fault={kept.fault} again={kept.again} />;
  if (!kept.answer) return <Loading what="snapshots" />;
  const snapshots = kept.answer;
  const newer = snapshots.find((one) => one.snapshot === to) ?? snapshots[0];
  const older = snapshots.find((one) => one.snapshot < (newer?.snapshot ?? 0));
  if (!newer || !older) return <p>No earlier snapshot is kept that it could be compared with.</p>;
  return (
    <Comparison
      line={line}
      table={table}
      snapshots={snapshots}
      first={{ from: older.snapshot, to: newer.snapshot, key: [] }}
      mergeKey={mergeKey}
    />
  );
}

/** The newest snapshots, and the one that is looked at with those before it. */
async function snapshotsAround(
  line: string,
  to: number | null,
  signal: AbortSignal,
): Promise<KeptSnapshot[]> {
  const newest = (await api.kept(line, undefined, signal)).snapshots;
  if (!to || newest.some((one) => one.snapshot === to)) return newest;
  const older = (await api.kept(line, to + 1, signal)).snapshots;
  const last = newest[newest.length - 1]?.snapshot ?? 0;
  return [...newest, ...older.filter((one) => one.snapshot < last)];
}

function Comparison({
  line,
  table,
  snapshots,
  first,
  mergeKey,
}: {
  line: string;
  table: string;
  snapshots: KeptSnapshot[];
  first: Choice;
  mergeKey: string[];
}) {
  const [from, setFrom] = useState(first.from);
  const [to, setTo] = useState(first.to);
  const [key, setKey] = useState("");
  const [wanted, setWanted] = useState<Choice | null>(null);
  const asked = useAnswer(
    wanted ? `diff ${line} ${table} ${JSON.stringify(wanted)}` : null,
    (signal) => api.diff(line, table, wanted ?? first, signal),
  );
  const compare = (event: FormEvent): void => {
    event.preventDefault();
    setWanted({ from, to, key: columnsTyped(key) });
    if (asked.fault) asked.again();
  };
  const option = (one: KeptSnapshot) => (
    <option key={one.snapshot} value={one.snapshot}>
      {oneLine(one.run, 60)} · {localTime(instant(one.held_f) ?? 0)}
      {one.reasons.includes("published") ? " · published" : ""}
    </option>
  );
  return (
    <>
      <form className="buttons compare-form" onSubmit={compare}>
        <label>
          From
          <select value={from} onChange={(event) => setFrom(Number(event.target.value))}>
            {snapshots.map(option)}
          </select>
        </label>
        <label>
          To
          <select value={to} onChange={(event) => setTo(Number(event.target.value))}>
            {snapshots.map(option)}
          </select>
        </label>
        <label>
          Key
          <input
            value={key}
            size={14}
            placeholder={mergeKey.length ? mergeKey.join(", ") : "id, day"}
            title="Columns that tell rows apart. Without any, rows are compared as wholes."
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        <button type="submit" className="primary" disabled={asked.loading}>
          Compare
        </button>
        {asked.loading && (
          <button type="button" onClick={() => setWanted(null)}>
            Cancel
          </button>
        )}
      </form>
      <div role="status">
        {asked.loading && <Loading what="both versions" />}
        {asked.answer && <p className="summary">{oneLine(summary(asked.answer), 400)}</p>}
      </div>
      {asked.fault && <Refused fault={asked.fault} />}
      {asked.answer && <Found found={asked.answer} />}
    </>
  );
}

function Found({ found }: { found: Difference }) {
  const columns = changedColumns(found);
  return (
    <>
      <ul className="plain-list">
        {[found.before, found.after].map((one, at) => (
          <li key={at}>
            {at ? "To" : "From"} <Link to={runPath(one.run)}>{oneLine(one.run, 60)}</Link>:{" "}
            {one.rows === null ? "no such table" : `${count(one.rows)} rows`}
            {one.written_in && (
              <>
                , written in <Link to={runPath(one.written_in)}>{oneLine(one.written_in, 60)}</Link>
              </>
            )}
          </li>
        ))}
        {schemaWords(found).map((words) => (
          <li key={words}>{oneLine(words, 300)}</li>
        ))}
        {columns.length > 0 && (
          <li>
            Changed:{" "}
            {columns
              .slice(0, 12)
              .map((one) => `${oneLine(one.name, 60)} in ${count(one.changed)}`)
              .join(", ")}
            {columns.length > 12 && ` and ${columns.length - 12} columns more`}
          </li>
        )}
      </ul>
      {found.sample.length > 0 && <Sample found={found} />}
    </>
  );
}

function Sample({ found }: { found: Difference }) {
  const times = found.sample.some((row) => row.times > 1);
  const more = KINDS.filter((kind) => left(found, kind) > 0).map(
    (kind) => `${count(left(found, kind))} more ${kind}`,
  );
  return (
    <>
      <div className="grid" tabIndex={0} role="region" aria-label="Rows that differ">
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              {times && (
                <th scope="col" className="number">
                  Times
                </th>
              )}
              {found.columns.map((column, at) => (
                <th key={at} scope="col">
                  {oneLine(column.name, 80)}
                  <span className="type">{oneLine(column.type, 60)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.sample.map((row, at) => (
              <tr key={at} className={`row-${row.kind}`}>
                <td>
                  <span aria-hidden="true">{MARKS[row.kind]} </span>
                  {row.kind}
                </td>
                {times && <td className="number">{count(row.times)}</td>}
                {cellsOf(row).map((cell, place) => (
                  <td key={place}>
                    {cell.was === undefined ? (
                      <Cell value={cell.value} />
                    ) : (
                      <>
                        <del>
                          <Cell value={cell.was} />
                        </del>{" "}
                        <ins>
                          <Cell value={cell.value} />
                        </ins>
                      </>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more.length > 0 && <p className="under">And {more.join(", ")}.</p>}
    </>
  );
}
