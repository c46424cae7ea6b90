import { useMemo, useState } from "react";
import { isBound, outlets } from "../model/freshness";
import type { Graph } from "../model/lines";
import { useMoment } from "../parts/clock";
import { FreshnessChart } from "./FreshnessChart";

const SPANS = [
  { name: "1 h", hours: 1 },
  { name: "6 h", hours: 6 },
  { name: "24 h", hours: 24 },
  { name: "7 d", hours: 168 },
];
const HOUR_MS = 3_600_000;
const MOST = 12;

/** How old each Outlet was over time, against its Tide or its bound. So are Ponds with a bound. */
export function Freshness({ graph }: { graph: Graph }) {
  const [hours, setHours] = useState(24);
  const [most, setMost] = useState(MOST);
  const order = useOrder(graph);
  // Ten seconds are fine enough for a picture of hours.
  const end = useMoment((at) => Math.floor(at / 10_000) * 10_000);
  const name = SPANS.find((each) => each.hours === hours)?.name ?? "";
  const span = { start: end - hours * HOUR_MS, end, name };
  const shown = order.slice(0, most).flatMap((line) => graph.byName.get(line) ?? []);
  if (!order.length) {
    return (
      <>
        <h2>Freshness of Outlets</h2>
        <p>There is no Outlet yet: no deployed Pond that nobody reads.</p>
      </>
    );
  }
  return (
    <>
      <div className="part-head">
        <h2>Freshness of Outlets</h2>
        <div className="segments" role="group" aria-label="How far to look back">
          {SPANS.map((each) => (
            <button
              key={each.hours}
              type="button"
              aria-pressed={hours === each.hours}
              onClick={() => setHours(each.hours)}
            >
              {each.name}
            </button>
          ))}
        </div>
        <Keys />
      </div>
      <ul className="charts">
        {shown.map((line) => (
          <FreshnessChart key={line.line} line={line} span={span} />
        ))}
      </ul>
      {order.length > most && (
        <button type="button" className="more" onClick={() => setMost((old) => old + MOST)}>
          Show more ({order.length - most})
        </button>
      )}
    </>
  );
}

/** The order stays until an Outlet comes or goes, or its bound does: charts should not jump. */
function useOrder(graph: Graph): string[] {
  const now = outlets(graph);
  const key = now
    .map((line) => `${line.line} ${isBound(line)}`)
    .sort()
    .join();
  return useMemo(() => now.map((line) => line.line), [key]);
}

function Keys() {
  return (
    <ul className="keys" aria-label="Legend">
      <li>
        <svg viewBox="0 0 30 12" aria-hidden="true">
          <path className="age-line" d="M1 11 15 2V10L29 3" />
        </svg>
        age
      </li>
      <li>
        <svg viewBox="0 0 30 12" aria-hidden="true">
          <path className="age-hatch" d="M2 12 12 2M10 12 20 2M18 12 28 2" />
        </svg>
        older than its Tide or bound
      </li>
      <li>
        <svg viewBox="0 0 12 12" aria-hidden="true" className="keys-mark">
          <path className="age-mark" d="m2 2 8 8m0-8-8 8" />
        </svg>
        a run failed
      </li>
    </ul>
  );
}
