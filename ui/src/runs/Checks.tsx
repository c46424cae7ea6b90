import type { AttemptRow, CheckTold, WarningTold } from "../answers";
import { count } from "../model/numbers";
import { oneLine } from "../model/text";
import { StateChip } from "../parts/State";
import { Cell } from "../parts/Text";

const rowsOf = (rows: number) => `${count(rows)} ${rows === 1 ? "row" : "rows"}`;

/** How each check of a run ended, those that found something first and with their rows. */
export function Checks({ attempts }: { attempts: AttemptRow[] }) {
  const made = attempts.filter((attempt) => attempt.checks?.length);
  const checks = made[made.length - 1]?.checks ?? [];
  if (!checks.length) return null;
  const found = checks.filter((check) => check.outcome !== "passed");
  const passed = checks.filter((check) => check.outcome === "passed");
  return (
    <section className="part" aria-label="Checks">
      <h2>Checks</h2>
      {found.map((check) => (
        <Found key={check.check} check={check} />
      ))}
      {passed.length > 0 && (
        <p>Passed: {passed.map((check) => oneLine(check.check, 48)).join(", ")}</p>
      )}
    </section>
  );
}

/** What becomes of a run whose check finds rows. */
const SEVERITIES: Partial<Record<CheckTold["severity"], string>> = {
  fail: "Rows that it finds fail the run: nothing is published.",
  warn: "Rows that it finds are a warning: the run is published.",
};

function Found({ check }: { check: CheckTold }) {
  return (
    <details className="failure" open={check.outcome === "failed"}>
      <summary>
        <StateChip word={check.outcome} /> <strong>{oneLine(check.check, 48)}</strong>
        {check.rows > 0 && `, ${rowsOf(check.rows)} that must not exist`}
        <span className="under">{SEVERITIES[check.severity] ?? ""}</span>
      </summary>
      {check.message && <p>{oneLine(check.message, 500)}</p>}
      {check.sample.length > 0 && <Sample check={check} />}
    </details>
  );
}

function Sample({ check }: { check: CheckTold }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={`Rows of ${check.check}`}>
      <table className="feed">
        <thead>
          <tr>
            {check.columns.map((column, at) => (
              <th key={at}>{oneLine(column, 100)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {check.sample.map((row, at) => (
            <tr key={at}>
              {row.map((cell, place) => (
                <td key={place}>
                  <Cell value={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {check.rows > check.sample.length && (
        <p>and {rowsOf(check.rows - check.sample.length)} more</p>
      )}
    </div>
  );
}

/** What the checks of the published tables warn of. */
export function Warnings({ warnings }: { warnings: WarningTold[] | undefined }) {
  if (!warnings?.length) return null;
  return (
    <>
      <dt>Checks warn</dt>
      <dd>
        {warnings.map((warning) => (
          <div key={warning.check}>
            {oneLine(warning.check, 48)}:{" "}
            {warning.rows ? rowsOf(warning.rows) : oneLine(warning.message, 160)}
          </div>
        ))}
      </dd>
    </>
  );
}
