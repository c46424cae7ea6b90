import { useEffect, useState } from "react";
import type { AttemptRow } from "../answers";
import { api } from "../api/client";
import type { RunDetail } from "../api/shapes";
import { useLine } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { instant, took } from "../model/moments";
import { count, dollars, memory, size } from "../model/numbers";
import { oneLine } from "../model/text";
import { timeline } from "../model/timeline";
import { useNow } from "../parts/clock";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { StateChip } from "../parts/State";
import { Verbatim } from "../parts/Text";
import { Time } from "../parts/Time";
import { AskedBy, AskedFor, InThePast } from "../past/OfRun";
import { pondPath, runPath } from "../router";
import { Checks, Warnings } from "./Checks";
import { Compare } from "./Compare";
import { Gantt, placeOf } from "./Gantt";
import { Logs } from "./Logs";
import { Took } from "./Runs";

const GOING_MS = 2000;

/** One run closely. */
export default function Run({ line, number }: { line: string; number: number }) {
  const asked = useAnswer(`${line}/${number}`, (signal) => api.run(line, number, signal));
  const held = useLine(line);
  const runs = [held?.last_run?.run, ...(held?.runs ?? []).map((each) => each.run)];
  const newest = Math.max(...runs.map((run) => Number(run?.split("/")[1] ?? 0)));
  const going = asked.answer?.run.finished === null;
  const again = asked.again;
  useEffect(() => {
    if (!going) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) again();
    }, GOING_MS);
    return () => clearInterval(timer);
  }, [going, again]);
  return (
    <div className="page">
      <div className="page-head">
        <h1>
          Run <Link to={pondPath(line)}>{oneLine(line, 60)}</Link> / {number}
        </h1>
        {asked.answer && <StateChip word={asked.answer.run.status} />}
        <span className="grow" />
        {asked.answer && <InThePast line={line} run={asked.answer.run} />}
        <Beside to={number > 1 ? runPath(`${line}/${number - 1}`) : null}>← Run before</Beside>
        <Beside to={number < newest ? runPath(`${line}/${number + 1}`) : null}>Next run →</Beside>
      </div>
      {asked.fault && <Refused fault={asked.fault} again={again} />}
      {asked.loading && <Loading what="the run" />}
      {asked.answer && <Body answer={asked.answer} line={line} number={number} />}
    </div>
  );
}

/** A button that stays where it is, even if there is no such run. */
const Beside = ({ to, children }: { to: string | null; children: string }) =>
  to ? (
    <Link className="button" to={to}>
      {children}
    </Link>
  ) : (
    <button type="button" disabled>
      {children}
    </button>
  );

function Body({ answer, line, number }: { answer: RunDetail; line: string; number: number }) {
  const now = useNow();
  const [chosen, setChosen] = useState<{ ripple: string; attempt: number } | null>(null);
  const { run, attempts } = answer;
  const flight = useLine(line)?.runs.find((each) => each.run === run.run);
  const ripples = flight?.ripples.map((ripple) => ripple.name) ?? [];
  // An attempt whose checks warn has a message, too.
  const failed = attempts.filter(
    (attempt) =>
      attempt.status !== "success" && (attempt.traceback || attempt.error || attempt.message),
  );
  const lastFailed = failed[failed.length - 1];
  return (
    <>
      <dl className="facts facts-wide">
        <dt>Started</dt>
        <dd>
          <Time at={run.started} />
        </dd>
        <dt>{run.finished ? "Took" : "Runs for"}</dt>
        <dd>
          <Took row={run} />
        </dd>
        <dt>Fresh as of</dt>
        <dd>
          <Time at={run.f} />
        </dd>
        <dt>Version</dt>
        <dd>{oneLine(run.version, 24)}</dd>
        {answer.usd !== null && (
          <>
            <dt>Cost</dt>
            <dd>{dollars(answer.usd)} at list prices of us-east-1</dd>
          </>
        )}
        <AskedBy run={run} />
        <Warnings warnings={run.warnings} />
        {run.overtaken_by && (
          <>
            <dt>Overtaken by</dt>
            <dd>
              <Link to={runPath(run.overtaken_by)}>{oneLine(run.overtaken_by, 60)}</Link>
            </dd>
          </>
        )}
      </dl>
      {run.message && !failed.some((attempt) => attempt.message === run.message) && (
        <Verbatim
          text={[run.error, run.message].filter(Boolean).join(": ")}
          label="Why the run ended"
        />
      )}
      <AskedFor changes={answer.asked_by ?? []} />
      {run.status === "pass" && (
        <p className="lead">
          Its Sources had not changed, so no Ripple was called. It took over their freshness.
        </p>
      )}
      {attempts.length + ripples.length > 0 && (
        <section className="part" aria-label="Timeline">
          <h2>Ripples and attempts</h2>
          <Gantt
            timeline={timeline(run, attempts, now, ripples)}
            chosen={chosen && `${chosen.ripple} ${chosen.attempt}`}
            onChoose={(ripple, attempt) =>
              setChosen((old) =>
                old?.ripple === ripple && old.attempt === attempt ? null : { ripple, attempt },
              )
            }
          />
        </section>
      )}
      {lastFailed && (
        <section className="part" aria-label="Errors">
          <h2>What went wrong</h2>
          {[...failed].reverse().map((attempt) => (
            <Failure
              key={`${attempt.ripple} ${attempt.attempt}`}
              attempt={attempt}
              open={attempt === lastFailed}
            />
          ))}
        </section>
      )}
      <Checks attempts={attempts} />
      {attempts.length > 0 && (
        <section className="part" aria-label="Where each ran">
          <h2>Where each ran</h2>
          <Attempts attempts={attempts} />
        </section>
      )}
      <Logs
        line={line}
        number={number}
        ripple={chosen?.ripple ?? null}
        attempt={chosen?.attempt ?? null}
      />
      {attempts.length > 0 && (
        <section className="part" aria-label="Compared">
          <h2>Compared with the run before</h2>
          <Compare run={run} attempts={attempts} />
        </section>
      )}
    </>
  );
}

function Failure({ attempt, open }: { attempt: AttemptRow; open: boolean }) {
  return (
    <details className="failure" open={open}>
      <summary>
        <strong>{oneLine(attempt.ripple, 48)}</strong>, attempt {attempt.attempt}, {attempt.status}
        {attempt.error ? `: ${oneLine(attempt.error, 80)}` : ""}
      </summary>
      {attempt.message && <Verbatim text={attempt.message} label="The error" />}
      {attempt.traceback && <Verbatim text={attempt.traceback} label="The traceback" />}
      {attempt.left && (
        <p>
          Its worker let go of it at <Time at={attempt.left} />.
        </p>
      )}
      {attempt.on_kill && (
        <p>
          on_kill answered: {oneLine(attempt.on_kill)} {oneLine(attempt.on_kill_message ?? "")}
        </p>
      )}
    </details>
  );
}

function Attempts({ attempts }: { attempts: AttemptRow[] }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Attempts">
      <table className="feed">
        <thead>
          <tr>
            <th>Ripple</th>
            <th className="number">Attempt</th>
            <th>State</th>
            <th>Where</th>
            <th className="number">Took</th>
            <th className="number">Peak memory</th>
            <th className="number">Rows</th>
            <th className="number">Bytes</th>
            <th>Pauses</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt) => {
            const resumes = instant(attempt.resumes);
            return (
              <tr key={`${attempt.ripple} ${attempt.attempt}`}>
                <td>{oneLine(attempt.ripple, 48)}</td>
                <td className="number">{attempt.attempt}</td>
                <td>
                  <StateChip word={attempt.status} />
                </td>
                <td>{placeOf(attempt) || "–"}</td>
                <td className="number">{attempt.seconds === null ? "–" : took(attempt.seconds)}</td>
                <td className="number">
                  {attempt.peak_mib === null ? "–" : memory(attempt.peak_mib)}
                </td>
                <td className="number">{attempt.rows === null ? "–" : count(attempt.rows)}</td>
                <td className="number">{attempt.bytes === null ? "–" : size(attempt.bytes)}</td>
                <td>
                  {attempt.pauses ?? 0}
                  {resumes !== null && (
                    <>
                      , until <Time at={resumes} />
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
