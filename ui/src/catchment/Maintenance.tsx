import { useState } from "react";
import { shortWho } from "../model/audit";
import { holding } from "../model/holding";
import type { Graph } from "../model/lines";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { useMayChange } from "../api/catchment";
import { PondLinks } from "../parts/PondLinks";
import { Link } from "../parts/Link";
import { StateIcon } from "../parts/State";
import { Age, Time } from "../parts/Time";
import { runPath } from "../router";
import { MaintenanceDialog } from "./MaintenanceDialog";

/** Whether new runs are held in the whole Catchment, and the switch for it. */
export function Maintenance({ graph }: { graph: Graph }) {
  /** What the dialog asks for. It stays the same when somebody else switches meanwhile. */
  const [asking, setAsking] = useState<"on" | "off" | null>(null);
  const hold = graph.maintenance;
  const may = useMayChange();
  return (
    <>
      <div className="part-head">
        <h2 id="maintenance">Maintenance</h2>
        {may ? (
          <button
            type="button"
            role="switch"
            className="switch"
            aria-checked={hold !== null}
            aria-labelledby="maintenance"
            onClick={() => setAsking(hold ? "off" : "on")}
          >
            <i aria-hidden="true" /> {hold ? "on" : "off"}
          </button>
        ) : (
          <span className="badge">{hold ? "on" : "off"}</span>
        )}
      </div>
      {hold ? (
        <Held graph={graph} />
      ) : (
        <p>
          Runs start as usual. While maintenance is on, no run starts in the whole Catchment: what
          runs is finished, and what is asked for is kept.
        </p>
      )}
      {!hold && <Unheard graph={graph} />}
      {asking && <MaintenanceDialog graph={graph} turn={asking} onClose={() => setAsking(null)} />}
    </>
  );
}

function Held({ graph }: { graph: Graph }) {
  const hold = graph.maintenance;
  const { runs, kept } = holding(graph);
  if (!hold) return null;
  return (
    <>
      <dl className="facts">
        <dt>By</dt>
        <dd title={oneLine(hold.by ?? "")}>
          {hold.by ? oneLine(shortWho(hold.by), 80) : "not known"}
        </dd>
        <dt>Since</dt>
        <dd>
          <Time at={hold.at} />
        </dd>
        <dt>Note</dt>
        <dd>{hold.note ? oneLine(hold.note, 700) : "none"}</dd>
        <dt>Asked for and kept</dt>
        <dd>{kept.length ? <PondLinks lines={kept} /> : "nothing"}</dd>
      </dl>
      <Unheard graph={graph} />
      {runs.length ? (
        <>
          <p>It waits for {plural(runs.length, "run")}:</p>
          <ul className="rows">
            {runs.map((run) => (
              <li key={run.run}>
                <StateIcon word="running" />
                <span className="grow">
                  <Link to={runPath(run.run)}>{oneLine(run.run, 60)}</Link>
                </span>
                <span className="number">
                  <Age from={Date.parse(run.started)} />
                </span>
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p className="strong">Nothing runs any more.</p>
      )}
    </>
  );
}

function Unheard({ graph }: { graph: Graph }) {
  const { unheard } = holding(graph);
  if (!unheard.length) return null;
  return (
    <p className="warning">
      {plural(unheard.length, "Pond has", "Ponds have")} not heard it yet, but will within minutes:{" "}
      <PondLinks lines={unheard} />
    </p>
  );
}
