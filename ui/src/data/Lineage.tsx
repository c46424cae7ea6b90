import { useState } from "react";
import type { LineageAnswer } from "../answers";
import { api } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import { notesOf, rootOf, rowsOf, type Row, type Way } from "../model/origins";
import { count } from "../model/numbers";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { dataPath, pondPath, runPath, withQuery } from "../router";

const EVERY = 5000;
const FIRST = 200;
const DEEPEST = 12;

type Reach = "near" | Way;

const STEPS: Record<Reach, { up: number; down: number }> = {
  near: { up: 1, down: 1 },
  up: { up: EVERY, down: 0 },
  down: { up: 0, down: EVERY },
};

/** Which tables a table comes from, and which come of it. */
export function Lineage({ line, table, of }: { line: string; table: string; of: string }) {
  const [reach, setReach] = useState<Reach>("near");
  const asked = useAnswer(`lineage ${table} ${of} ${reach}`, (signal) =>
    api.lineage(line, { table, ...STEPS[reach] }, signal),
  );
  return (
    <>
      <div className="buttons">
        <label>
          Shown
          <select value={reach} onChange={(event) => setReach(event.target.value as Reach)}>
            <option value="near">one step up and down</option>
            <option value="up">all that it comes from</option>
            <option value="down">all that comes of it</option>
          </select>
        </label>
      </div>
      {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
      {asked.loading && <Loading what="its lineage" />}
      {asked.answer && <Found answer={asked.answer} table={table} reach={reach} />}
    </>
  );
}

function Found({ answer, table, reach }: { answer: LineageAnswer; table: string; reach: Reach }) {
  const root = rootOf(answer, table);
  return (
    <>
      {reach !== "down" && (
        <Tree answer={answer} table={table} way="up" notes={root ? notesOf(root) : []} />
      )}
      {reach !== "up" && <Tree answer={answer} table={table} way="down" />}
      {answer.left_off > 0 && (
        <p className="warning">
          {count(answer.left_off)} tables were not looked at: there are too many.
        </p>
      )}
      <p className="under">
        As the attempts have read that wrote the tables as they are published now.
      </p>
    </>
  );
}

const HEADINGS: Record<Way, { title: string; none: string }> = {
  up: { title: "Comes from", none: "Nothing is known of it." },
  down: { title: "Goes into", none: "No published table has read it." },
};

function Tree({
  answer,
  table,
  way,
  notes = [],
}: {
  answer: LineageAnswer;
  table: string;
  way: Way;
  /** What is not known. */
  notes?: string[];
}) {
  const [most, setMost] = useState(FIRST);
  const rows = rowsOf(answer, table, way);
  const { title, none } = HEADINGS[way];
  return (
    <section className="part" aria-label={title}>
      <h2>{title}</h2>
      {!rows.length && !notes.length && <p>{none}</p>}
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
      {rows.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={`${title}: tables`}>
          <table className="feed lineage">
            <thead>
              <tr>
                <th scope="col">Table</th>
                <th scope="col">Ripple</th>
                <th scope="col">Run</th>
                <th scope="col">Version</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, most).map((row, at) => (
                <tr key={at}>
                  <td>
                    <Place row={row} />
                  </td>
                  <td>{row.ripple ? oneLine(row.ripple, 48) : "–"}</td>
                  <td>
                    {row.run ? <Link to={runPath(row.run)}>{oneLine(row.run, 60)}</Link> : "–"}
                  </td>
                  <td>{row.version ? oneLine(row.version, 24) : "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > most && (
        <button type="button" onClick={() => setMost(most + 1000)}>
          Show more: {count(rows.length - most)} are left
        </button>
      )}
    </section>
  );
}

function Place({ row }: { row: Row }) {
  const depth = Math.min(row.depth, DEEPEST);
  return (
    <span className={`depth depth-${depth}`}>
      <span className="unseen">Step {row.depth}: </span>
      {row.depth > DEEPEST && <span className="above">[{row.depth}] </span>}
      {row.table === null ? (
        <>
          <Link to={pondPath(row.line)}>{oneLine(row.line, 60)}</Link> (no table)
        </>
      ) : (
        <Link to={withQuery(dataPath(row.line, row.table), { show: "lineage" })}>
          {oneLine(`${row.line}.${row.table}`, 120)}
        </Link>
      )}
      {!row.sure && <span className="perhaps"> perhaps</span>}
      {row.again && <span className="above"> (above)</span>}
    </span>
  );
}
