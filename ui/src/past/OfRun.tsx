import type { AuditRow, RunRow } from "../answers";
import { serverNow } from "../api/status";
import { askedFor } from "../model/audit";
import { instant } from "../model/moments";
import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { replayPath, whyPath } from "../router";
import { AuditList } from "./AuditList";
import "./past.css";

const BEFORE_MS = 2000;
const AFTER_MS = 5000;

/** From a run to what explains it: why it began, and its line's letters meanwhile. */
export function InThePast({ line, run }: { line: string; run: RunRow }) {
  const begun = instant(run.started);
  if (begun === null) return null;
  const ended = instant(run.finished);
  const until = ended !== null && ended + AFTER_MS < serverNow() ? ended + AFTER_MS : null;
  const span = {
    from: new Date(begun - BEFORE_MS).toISOString(),
    until: until === null ? "" : new Date(until).toISOString(),
    step: "first" as const,
  };
  return (
    <>
      <Link className="button" to={whyPath(line, run.started)}>
        Why it began
      </Link>
      {run.status === "failed" && (
        <Link className="button" to={whyPath(line, run.finished)}>
          What it led to
        </Link>
      )}
      <Link className="button" to={replayPath(line, span)}>
        Replay it
      </Link>
    </>
  );
}

/** Among the facts of a run: who asked its line for it, and why. */
export function AskedBy({ run }: { run: RunRow }) {
  const asked = askedFor(run.by, run.note);
  if (!asked) return null;
  return (
    <>
      <dt>Asked by</dt>
      <dd title={run.by ? oneLine(run.by) : undefined}>
        {asked.name}
        {asked.note && <q className="note-of">{oneLine(asked.note, 300)}</q>}
      </dd>
    </>
  );
}

/** What people asked for that a run answers, also of a Sink further down. */
export function AskedFor({ changes }: { changes: AuditRow[] }) {
  if (!changes.length) return null;
  return (
    <section className="part" aria-label="Asked for">
      <h2>Who asked for it</h2>
      <AuditList rows={changes} />
    </section>
  );
}
