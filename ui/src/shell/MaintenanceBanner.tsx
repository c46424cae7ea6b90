import { useState } from "react";
import { useGraph } from "../api/status";
import { shortWho } from "../model/audit";
import { holding } from "../model/holding";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { Time } from "../parts/Time";
import { useMayChange } from "../api/catchment";
import { MaintenanceDialog } from "../catchment/MaintenanceDialog";
import { runPath } from "../router";

const MOST = 3;

/** In the head of all views, while no run starts: who holds them, why, and what is waited for. */
export function MaintenanceBanner() {
  const graph = useGraph();
  const [asking, setAsking] = useState(false);
  const hold = graph?.maintenance;
  if (!graph || !hold) return null;
  const { runs, unheard } = holding(graph);
  const may = useMayChange();
  return (
    <section className="hold" aria-label="Maintenance is on">
      <p className="grow">
        <b>Maintenance</b>
        {hold.by && <> by {oneLine(shortWho(hold.by), 60)}</>} since <Time at={hold.at} />
        {hold.note && <>: {oneLine(hold.note)}</>}{" "}
        <span role="status" className="hold-waits">
          {runs.length > 0 ? (
            <>
              No run starts. {plural(runs.length, "run")} still {runs.length === 1 ? "goes" : "go"}{" "}
              on:{" "}
              {runs.slice(0, MOST).map((run, at) => (
                <span key={run.run}>
                  {at > 0 && ", "}
                  <Link to={runPath(run.run)}>{oneLine(run.run, 48)}</Link>
                </span>
              ))}
              {runs.length > MOST && ` and ${runs.length - MOST} more`}.
            </>
          ) : unheard.length > 0 ? (
            `${plural(unheard.length, "Pond has", "Ponds have")} not heard it yet.`
          ) : (
            "Nothing runs any more, and no run starts."
          )}
        </span>
      </p>
      <div className="buttons">
        <Link className="button small" to="/catchment">
          See all
        </Link>
        {may && (
          <button type="button" className="small" onClick={() => setAsking(true)}>
            End maintenance …
          </button>
        )}
      </div>
      {asking && <MaintenanceDialog graph={graph} turn="off" onClose={() => setAsking(false)} />}
    </section>
  );
}
