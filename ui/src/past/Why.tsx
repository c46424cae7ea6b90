import type { WhyAnswer, WhyRun } from "../answers";
import { api, type Refusal } from "../api/client";
import { latestGraph, serverNow, useGraph } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import type { Graph } from "../model/lines";
import { brief, instant } from "../model/moments";
import { around } from "../model/replay";
import { oneLine } from "../model/text";
import { causesTitle, isPast } from "../model/why";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Named } from "../parts/Named";
import { StateChip } from "../parts/State";
import { Time } from "../parts/Time";
import { go, pondPath, runPath, whyPath } from "../router";
import { Causes } from "./Causes";
import { JournalHint } from "./JournalHint";
import { Moment } from "./Moment";
import "./past.css";
import { PondTabs } from "./PondTabs";
import { Ways } from "./Ways";

const MOST_DEMANDS = 10;
const MOST_INSIDE = 30;

/** Why a line runs, waits, is blocked or stale: now, or at a moment. Asked once, and by a button. */
export default function Why({ line, query }: { line: string; query: URLSearchParams }) {
  const at = query.get("at");
  const asked = useAnswer(`why ${line} ${at ?? ""}`, async (signal) => {
    const told = await api.why(line, at, signal);
    return { told, graph: latestGraph(), at: serverNow() };
  });
  const told = asked.answer?.told;
  const pick = (to: string | null): void => go(whyPath(line, to));
  return (
    <div className="page">
      <div className="page-head">
        <h1>
          Why <Link to={pondPath(line)}>{oneLine(line, 60)}</Link>
        </h1>
        {told && <StateChip word={told.status} />}
        <PondTabs
          line={line}
          current="why"
          at={at}
          span={at ? around(at, serverNow(), { before: 10 }) : null}
        />
      </div>
      <div className="moment-row">
        <Moment key={at ?? ""} at={at} onPick={pick} />
        {asked.answer && (
          <Asked
            told={asked.answer.told}
            graph={asked.answer.graph}
            at={asked.answer.at}
            again={asked.again}
          />
        )}
      </div>
      {asked.fault && <Fault fault={asked.fault} again={asked.again} />}
      {asked.loading && <Loading what="the causes" />}
      {told && <Body answer={told} at={at} />}
    </div>
  );
}

/** When it was asked, and whether something has changed since. */
function Asked({
  told,
  graph,
  at,
  again,
}: {
  told: WhyAnswer;
  graph: Graph | null;
  at: number;
  again: () => void;
}) {
  const now = useGraph();
  if (isPast(told)) return null;
  const changed =
    graph !== null &&
    told.chain.some(({ line }) => graph.byName.get(line) !== now?.byName.get(line));
  return (
    <span className="asked" role="status">
      {changed ? "It has changed since " : "Asked at "}
      <Time at={at} />
      <button type="button" className={changed ? "small primary" : "small"} onClick={again}>
        Ask again
      </button>
    </span>
  );
}

function Fault({ fault, again }: { fault: Refusal; again: () => void }) {
  return (
    <>
      <Refused fault={fault} again={again} />
      {fault.type === "NotKeptError" && <JournalHint />}
    </>
  );
}

function Body({ answer, at }: { answer: WhyAnswer; at: string | null }) {
  const past = isPast(answer);
  const own = answer.chain.find((each) => each.line === answer.line)?.causes ?? [];
  return (
    <>
      {past && <AsOf answer={answer} />}
      <section className={`reason reason-${answer.status}`} aria-label="In short">
        <p className={answer.staleness.late ? "late" : ""}>
          <Named text={answer.staleness.text} />
        </p>
        {answer.text && answer.text !== own[0]?.text && (
          <p>
            <Named text={answer.text} />
          </p>
        )}
      </section>
      {answer.runs.map((run) => (
        <WhyItRuns key={run.run} run={run} past={past} />
      ))}
      {own.length > 0 && (
        <section className="part" aria-label="Causes">
          <h2>{causesTitle(answer)}</h2>
          <Causes answer={answer} at={at} />
        </section>
      )}
      {answer.ways.length > 0 && (
        <section className="part" aria-label="Ways">
          <h2>{past ? "What would have changed it then" : "What would change it"}</h2>
          <Ways answer={answer} />
        </section>
      )}
      {answer.last && (
        <section className="part" aria-label="The last run">
          <h2>The last run</h2>
          <p>
            <Named text={answer.last} />
          </p>
          {answer.last_run && (
            <Link to={runPath(answer.last_run.run)}>See {oneLine(answer.last_run.run, 80)}</Link>
          )}
        </section>
      )}
      <p className="hint">Times inside sentences are UTC. All others are of your own time zone.</p>
    </>
  );
}

function AsOf({ answer }: { answer: WhyAnswer }) {
  const then = instant(answer.at);
  const now = instant(answer.now);
  const ago = then === null || now === null ? "" : ` (${brief((now - then) / 1000)} ago)`;
  return (
    <div className="past">
      <span>
        As of <Time at={answer.at} />
        {ago}. All below is as it was then, and so are its “ago” and “in”.
      </span>
    </div>
  );
}

function WhyItRuns({ run, past }: { run: WhyRun; past: boolean }) {
  const name = oneLine(run.run, 80);
  const more = run.demand.length - MOST_DEMANDS;
  return (
    <section className="part" aria-label={`Why ${name} runs`}>
      <h2>
        Why <Link to={runPath(run.run)}>{name}</Link> {past ? "ran" : "runs"}
      </h2>
      <ul className="plain-list">
        {run.demand.slice(0, MOST_DEMANDS).map((demand) => (
          <li key={demand.text}>
            <Named text={demand.text} />
          </li>
        ))}
        {more > 0 && <li className="hint">… and {more} more.</li>}
      </ul>
      {run.inside.length > 0 && (
        <ul className="plain-list inside">
          {run.inside.slice(0, MOST_INSIDE).map((text) => (
            <li key={text}>
              <Named text={text} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
