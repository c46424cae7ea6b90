import { api } from "../api/client";
import { useLine } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { oneLine } from "../model/text";
import { Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { runPath } from "../router";
import { Checks } from "../runs/Checks";

/** How the checks of a snapshot ended, as the run that published it made them. */
export function PublishedChecks({
  run,
  line,
  number,
}: {
  run: string;
  line: string;
  number: number;
}) {
  const held = useLine(line);
  const has = (held?.ripples ?? []).some((ripple) => ripple.checks?.length);
  const asked = useAnswer(has ? `checks ${run}` : null, (signal) => api.run(line, number, signal));
  if (!has) return null;
  const made = asked.answer?.attempts.some((attempt) => attempt.checks?.length);
  return (
    <>
      {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
      {asked.answer && made && <Checks attempts={asked.answer.attempts} />}
      {asked.answer && !made && (
        <section className="part" aria-label="Checks">
          <h2>Checks</h2>
          <p>
            <Link to={runPath(run)}>{oneLine(run, 60)}</Link>{" "}
            {asked.answer.run.status === "rollback"
              ? "published an earlier snapshot again, and made no checks."
              : "made no checks."}
          </p>
        </section>
      )}
    </>
  );
}
