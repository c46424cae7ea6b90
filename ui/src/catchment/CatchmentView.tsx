import { useCatchment } from "../api/catchment";
import { useGraph } from "../api/status";
import type { Graph } from "../model/lines";
import { oneLine } from "../model/text";
import { Loading } from "../parts/Empty";
import { Link } from "../parts/Link";
import { LineName } from "../parts/LineName";
import { StateIcon } from "../parts/State";
import { Age } from "../parts/Time";
import { LatestChanges } from "../past/Latest";
import { runPath } from "../router";
import { Ahead } from "./Ahead";
import { Alerts } from "./Alerts";
import { Bounds } from "./Bounds";
import { Doctor } from "./Doctor";
import { Freshness } from "./Freshness";
import { Lake } from "./Lake";
import { Limits } from "./Limits";
import { Maintenance } from "./Maintenance";

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
          <div className="stack">
            <section className="part" aria-label="Runs now">
              <h2>What runs now</h2>
              <RunsNow graph={graph} />
            </section>
            <section className="part" aria-label="Maintenance">
              <Maintenance graph={graph} />
            </section>
          </div>
          <section className="part" aria-label="Freshness now">
            <h2>Freshness against Tides and bounds now</h2>
            <Bounds graph={graph} />
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
      {graph && (
        <div className="columns">
          <section className="part" aria-label="Limits">
            <Limits graph={graph} />
          </section>
          <section className="part" aria-label="Alerts">
            <Alerts />
          </section>
        </div>
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
                <Link to={runPath(run.run)} className="name" title={oneLine(run.run)}>
                  <LineName name={run.run} />
                </Link>
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
