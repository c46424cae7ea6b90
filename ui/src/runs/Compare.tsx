import { api } from "../api/client";
import type { AttemptRow, RunRow } from "../answers";
import { useAnswer } from "../api/useAnswer";
import { took } from "../model/moments";
import { count, size } from "../model/numbers";
import { oneLine } from "../model/text";
import { compared } from "../model/timeline";
import { Link } from "../parts/Link";
import { Loading, Refused } from "../parts/Empty";
import { runPath } from "../router";

/** The run beside the last one before it that did some work. */
export function Compare({ run, attempts }: { run: RunRow; attempts: AttemptRow[] }) {
  const line = `${run.pond}@${run.major}`;
  const asked = useAnswer(`before ${run.run}`, async (signal) => {
    const published = { pond: line, status: "success", before: run.run, limit: 1 };
    const { runs } = await api.runs(published, signal);
    const before = runs[0];
    return before ? api.run(line, before.number, signal) : null;
  });
  if (asked.loading) return <Loading what="the run before" />;
  if (asked.fault) return <Refused fault={asked.fault} again={asked.again} />;
  if (!asked.answer) return <p>No run before this one is known that published something.</p>;
  const rows = compared(asked.answer.attempts, attempts);
  return (
    <>
      <p>
        Beside the last run before it that published something,{" "}
        <Link to={runPath(asked.answer.run.run)}>{oneLine(asked.answer.run.run, 60)}</Link>
        {asked.answer.run.version === run.version
          ? ", the same version."
          : `, of version ${oneLine(asked.answer.run.version, 24)} (this one: ${oneLine(run.version, 24)}).`}
      </p>
      <div
        className="scroll-x"
        tabIndex={0}
        role="region"
        aria-label="Compared with the run before"
      >
        <table className="compare">
          <thead>
            <tr>
              <th>Ripple</th>
              <th className="number">Took</th>
              <th className="number">Rows</th>
              <th className="number">Bytes</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.ripple}>
                <td>{oneLine(row.ripple, 48)}</td>
                <Change pair={row.seconds} say={took} />
                <Change pair={row.rows} say={count} />
                <Change pair={row.bytes} say={size} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Change({
  pair: [before, now],
  say,
}: {
  pair: [number | null, number | null];
  say: (value: number) => string;
}) {
  if (now === null)
    return <td className="number">{before === null ? "–" : `was ${say(before)}`}</td>;
  const share = before ? Math.round(((now - before) / before) * 100) : null;
  return (
    <td className="number">
      {say(now)}{" "}
      {share !== null && share !== 0 && (
        <span className={Math.abs(share) >= 50 ? "change change-large" : "change"}>
          {share > 0 ? "+" : "−"}
          {count(Math.abs(share))} % of {say(before ?? 0)}
        </span>
      )}
    </td>
  );
}
