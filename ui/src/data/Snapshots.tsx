import { useState } from "react";
import type { KeptSnapshot, PublishAnswer, RetentionRow } from "../answers";
import { useMayChange } from "../api/catchment";
import { api } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import type { Line } from "../model/lines";
import { count, plural, size } from "../model/numbers";
import { keeps, keptFor, publishedKey } from "../model/published";
import { oneLine } from "../model/text";
import { Dialog } from "../parts/Dialog";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Named } from "../parts/Named";
import { Time } from "../parts/Time";
import { act } from "../pond/act";
import { dataPath, go, runPath, withQuery } from "../router";

const MOST_NAMED = 6;

/** The snapshots of a line that are kept, newest first. `shown`: the one that is looked at. */
export function Snapshots({ line, shown }: { line: Line; shown: number | null }) {
  const may = useMayChange();
  const [older, setOlder] = useState<number[]>([]);
  const [chosen, setChosen] = useState<KeptSnapshot | null>(null);
  const key = `${line.line} ${publishedKey(line)}`;
  const first = useAnswer(`kept ${key}`, (signal) => api.kept(line.line, undefined, signal));
  const publish = may ? setChosen : null;
  return (
    <section className="part" aria-label="Snapshots">
      <h2>Snapshots</h2>
      {first.fault && <Refused fault={first.fault} again={first.again} />}
      {first.loading && <Loading what="snapshots" />}
      {first.answer && (
        <>
          <p className="under">
            {oneLine(line.line, 60)} keeps {keeps(first.answer.retention)}. Alone: what no newer
            snapshot has.
          </p>
          <div className="scroll-x" tabIndex={0} role="region" aria-label="Snapshots, newest first">
            <table className="feed">
              <thead>
                <tr>
                  <th scope="col">Run</th>
                  <th scope="col">Fresh as of</th>
                  <th scope="col">Version</th>
                  <th scope="col" className="number">
                    Rows
                  </th>
                  <th scope="col" className="number">
                    Size
                  </th>
                  <th scope="col">Kept for</th>
                  <th scope="col">
                    <span className="unseen">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                <Rows
                  answer={first.answer}
                  line={line.line}
                  shown={shown}
                  retention={first.answer.retention}
                  publish={publish}
                />
                {older.map((before) => (
                  <Older
                    key={`${key} ${before}`}
                    line={line.line}
                    before={before}
                    shown={shown}
                    publish={publish}
                    onMore={older[older.length - 1] === before ? setOlder : null}
                    older={older}
                  />
                ))}
              </tbody>
            </table>
          </div>
          {first.answer.next !== null && !older.length && (
            <More next={first.answer.next} older={older} onMore={setOlder} />
          )}
        </>
      )}
      {chosen && (
        <PublishAgain
          line={line.line}
          chosen={chosen}
          onClose={() => setChosen(null)}
          onDone={() => {
            setChosen(null);
            if (shown) go(dataPath(line.line));
          }}
        />
      )}
    </section>
  );
}

function More({
  next,
  older,
  onMore,
}: {
  next: number;
  older: number[];
  onMore: (older: number[]) => void;
}) {
  return (
    <button type="button" onClick={() => onMore([...older, next])}>
      Older snapshots
    </button>
  );
}

function Older({
  line,
  before,
  shown,
  publish,
  older,
  onMore,
}: {
  line: string;
  before: number;
  shown: number | null;
  publish: ((one: KeptSnapshot) => void) | null;
  older: number[];
  onMore: ((older: number[]) => void) | null;
}) {
  const { answer, fault, again } = useAnswer(`kept ${line} before ${before}`, (signal) =>
    api.kept(line, before, signal),
  );
  return (
    <>
      {answer && (
        <Rows
          answer={answer}
          line={line}
          shown={shown}
          retention={answer.retention}
          publish={publish}
        />
      )}
      {(fault || !answer || (onMore && answer.next !== null)) && (
        <tr>
          <td colSpan={7}>
            {fault && <Refused fault={fault} again={again} />}
            {!fault && !answer && <Loading what="older snapshots" />}
            {onMore && answer && answer.next !== null && (
              <More next={answer.next} older={older} onMore={onMore} />
            )}
          </td>
        </tr>
      )}
    </>
  );
}

function Rows({
  answer,
  line,
  shown,
  retention,
  publish,
}: {
  answer: { snapshots: KeptSnapshot[] };
  line: string;
  shown: number | null;
  retention: RetentionRow;
  publish: ((one: KeptSnapshot) => void) | null;
}) {
  return (
    <>
      {answer.snapshots.map((one) => {
        const isPublished = one.reasons.includes("published");
        const isShown = shown === null ? isPublished : shown === one.snapshot;
        return (
          <tr key={one.snapshot} aria-current={isShown || undefined}>
            <td>
              <Link to={runPath(one.run)}>{oneLine(one.run, 60)}</Link>
            </td>
            <td>
              <Time at={one.held_f} />
            </td>
            <td>{one.version ? oneLine(one.version, 24) : "–"}</td>
            <td className="number">{count(one.rows)}</td>
            <td className="number">
              {size(one.bytes)}
              <span className="under">
                {one.bytes_alone ? `${size(one.bytes_alone)} alone` : ""}
              </span>
            </td>
            <td className="kept-for">
              {oneLine(keptFor(one, retention), 200)}
              {one.warnings > 0 && (
                <span className="under">{plural(one.warnings, "check")} warned</span>
              )}
            </td>
            <td>
              <div className="buttons">
                {isShown ? (
                  <span className="under">shown</span>
                ) : (
                  <Link
                    className="button small"
                    aria-label={`Look at ${one.run}`}
                    to={withQuery(dataPath(line), { snapshot: isPublished ? null : one.snapshot })}
                  >
                    Look
                  </Link>
                )}
                {publish && !isPublished && (
                  <button
                    type="button"
                    className="small"
                    aria-label={`Publish ${one.run} again …`}
                    onClick={() => publish(one)}
                  >
                    Publish again …
                  </button>
                )}
              </div>
            </td>
          </tr>
        );
      })}
    </>
  );
}

/** Asks before an earlier snapshot is published again, and says what that changes. */
function PublishAgain({
  line,
  chosen,
  onClose,
  onDone,
}: {
  line: string;
  chosen: KeptSnapshot;
  onClose: () => void;
  onDone: () => void;
}) {
  const asked = useAnswer(`would publish ${chosen.run}`, (signal) =>
    api.wouldPublish(line, chosen.snapshot, signal),
  );
  const would = asked.answer;
  const carryOut = async (note: string): Promise<void> => {
    if (!would) return;
    const done = await act(`${line} publishes ${chosen.run} again.`, () =>
      api.publish({ line, snapshot: would.snapshot, over: would.over }, note),
    );
    if (done) onDone();
    // What was looked at may be out of date, so it is not offered again.
    else onClose();
  };
  return (
    <Dialog
      title={`Publish ${oneLine(chosen.run, 60)} again?`}
      action={would ? "Publish again" : ""}
      danger
      onClose={onClose}
      onDone={carryOut}
    >
      {asked.loading && <Loading what="what it would change" />}
      {asked.fault && <Refused fault={asked.fault} />}
      {would && <Changes would={would} line={line} />}
    </Dialog>
  );
}

function Changes({ would, line }: { would: PublishAnswer; line: string }) {
  const said: [string, string[]][] = [
    ["As it was then", would.tables.back],
    ["Published again", would.tables.returned],
    ["No longer published", would.tables.gone],
    ["The same", would.tables.same],
  ];
  return (
    <>
      <p>
        All tables of {oneLine(line, 60)} go back together to what they were as of{" "}
        <Time at={would.f} />, and so does how far its Ripples have read their Sources. Nothing is
        deleted.
      </p>
      <dl className="facts">
        {said.map(
          ([what, tables]) =>
            tables.length > 0 && [
              <dt key={what}>{what}</dt>,
              <dd key={`${what} tables`}>{named(tables)}</dd>,
            ],
        )}
      </dl>
      {would.warnings.map((warning) => (
        <p key={warning} className="warning">
          <Named text={warning} />
        </p>
      ))}
    </>
  );
}

function named(tables: string[]): string {
  const more = tables.length - MOST_NAMED;
  const first = tables.slice(0, MOST_NAMED).map((name) => oneLine(name, 60));
  return first.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
