import { useCatchment } from "../api/catchment";
import { useGraph } from "../api/status";
import type { Graph } from "../model/lines";
import { exact } from "../model/moments";
import { oneLine } from "../model/text";
import { useMoment } from "../parts/clock";
import { Loading } from "../parts/Empty";
import { Link } from "../parts/Link";
import { StateIcon } from "../parts/State";
import { Age } from "../parts/Time";
import { LatestChanges } from "../past/Latest";
import { pondPath, runPath } from "../router";
import { Ahead } from "./Ahead";
import { Doctor } from "./Doctor";
import { Freshness } from "./Freshness";
import { Lake } from "./Lake";

/** The Catchment as a whole: what runs, what comes, and whether it is well. */
export default function CatchmentView() {
  const catchment = useCatchment();
  const graph = useGraph();
  return (
    <div className="page">
      <div className="page-head">
        <h1>{catchment ? oneLine(catchment.name) : "Catchment"}</h1>
        {catchment && (
          <span>
            {catchment.kind === "aws" ? "in AWS" : "on this machine"}, {oneLine(catchment.where)},
            version {oneLine(catchment.version)}
          </span>
        )}
      </div>
      {!graph && <Loading what="the Catchment" />}
      {graph && (
        <div className="columns">
          <section className="part" aria-label="Runs now">
            <h2>What runs now</h2>
            <RunsNow graph={graph} />
          </section>
          <section className="part" aria-label="Freshness now">
            <h2>Freshness against Tides now</h2>
            <Tides graph={graph} />
          </section>
        </div>
      )}
      {graph && (
        <section className="part" aria-label="Freshness of Outlets">
          <Freshness graph={graph} />
        </section>
      )}
      {graph && (
        <section className="part" aria-label="Ahead">
          <h2>Next openings and deadlines</h2>
          <Ahead graph={graph} />
        </section>
      )}
      <LatestChanges />
      <Lake />
      <section className="part" aria-label="Doctor">
        <Doctor />
      </section>
    </div>
  );
}

function RunsNow({ graph }: { graph: Graph }) {
  const busy = graph.lines.filter((line) => line.runs.length);
  if (!busy.length) return <p>Nothing runs. An idle system costs next to nothing.</p>;
  return (
    <ul className="rows">
      {busy.flatMap((line) =>
        line.runs.map((run) => {
          const working = run.ripples.filter(
            (ripple) => ripple.status === "running" || ripple.status === "queued",
          );
          const done = run.ripples.filter((ripple) => ripple.status === "done").length;
          return (
            <li key={run.run}>
              <StateIcon word="running" />
              <span className="grow">
                <Link to={runPath(run.run)}>{oneLine(run.run, 60)}</Link>
                <span className="under">
                  {working.map((ripple) => oneLine(ripple.name, 40)).join(", ") || "starting"}
                </span>
              </span>
              <span className="number">
                {done} of {run.ripples.length}
              </span>
              <span className="number">
                <Age from={Date.parse(run.started)} />
              </span>
            </li>
          );
        }),
      )}
    </ul>
  );
}

/** Each line with a Tide: its age against the bound. The worst first. */
function Tides({ graph }: { graph: Graph }) {
  const bound = graph.lines
    .flatMap((line) =>
      line.trigger?.bound === undefined ? [] : [{ line, bound: line.trigger.bound }],
    )
    .map((each) => ({
      ...each,
      share:
        each.line.agedFrom === null
          ? Infinity
          : (graph.now - each.line.agedFrom) / 1000 / each.bound,
    }))
    .sort((one, other) => other.share - one.share);
  if (!bound.length) {
    return (
      <p>
        No line has a Tide. A Tide keeps an Outlet no older than a bound: open an Outlet and set
        one.
      </p>
    );
  }
  return (
    <ul className="rows">
      {bound.map(({ line, bound: seconds }) => (
        <li key={line.line}>
          <StateIcon word={line.status} />
          <span className="grow tide">
            <Link to={pondPath(line.line)}>{oneLine(line.line, 60)}</Link>
            <Share from={line.agedFrom} bound={seconds} />
          </span>
          <span className="number">
            <Age from={line.agedFrom} /> of {exact(seconds)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Share({ from, bound }: { from: number | null; bound: number }) {
  const share = useMoment((now) =>
    from === null ? 100 : Math.round(((now - from) / 1000 / bound) * 100),
  );
  const level = share > 100 ? "over" : share > 80 ? "near" : "well";
  return (
    <span className={`gauge gauge-${level}`} role="img" aria-label={`${share} % of its bound`}>
      <i style={{ width: `${Math.min(100, share)}%` }} />
    </span>
  );
}
