import { useMemo, useState } from "react";
import { ahead, type Coming } from "../model/ahead";
import type { Graph } from "../model/lines";
import { brief, countdown, localTime, utcTime } from "../model/moments";
import { oneLine } from "../model/text";
import { useMoment } from "../parts/clock";
import { Link } from "../parts/Link";
import { Countdown, Time } from "../parts/Time";
import { pondPath } from "../router";

const SPANS = [
  ["6 h", 6],
  ["24 h", 24],
  ["7 d", 168],
] as const;
const HOUR_MS = 3_600_000;
const TICKS = 6;
const MOST_ROWS = 40;

/** One time line of all that is known to come. */
export function Ahead({ graph }: { graph: Graph }) {
  const [hours, setHours] = useState(24);
  // Ten seconds are fine enough for a picture of hours.
  const now = useMoment((at) => Math.floor(at / 10_000) * 10_000);
  const until = now + hours * HOUR_MS;
  const coming = useMemo(() => ahead(graph, until), [graph, until]);
  const lines = [...new Set(coming.map((each) => each.line))].slice(0, MOST_ROWS);
  return (
    <>
      <div className="segments" role="group" aria-label="How far to look">
        {SPANS.map(([name, value]) => (
          <button
            key={name}
            type="button"
            aria-pressed={hours === value}
            onClick={() => setHours(value)}
          >
            {name}
          </button>
        ))}
      </div>
      {!coming.length && (
        <p>Nothing is due in this time: no Window opens, and no Tide, bound or retry is set.</p>
      )}
      {coming.length > 0 && (
        <div className="ahead">
          <div className="gantt-axis" aria-hidden="true">
            {Array.from({ length: TICKS }, (_, at) => (
              <span key={at} style={{ left: `${(at / TICKS) * 100}%` }}>
                {at ? `+${brief((hours * 3600 * at) / TICKS)}` : "now"}
              </span>
            ))}
          </div>
          {lines.map((line) => (
            <div key={line} className="gantt-row">
              <Link className="gantt-name" to={pondPath(line)} title={oneLine(line)}>
                {oneLine(line, 48)}
              </Link>
              <div className="gantt-bars">
                {coming
                  .filter((each) => each.line === line)
                  .map((each) => (
                    <Mark
                      key={`${each.kind} ${each.what} ${each.from}`}
                      each={each}
                      now={now}
                      until={until}
                    />
                  ))}
              </div>
            </div>
          ))}
          <ol className="soon">
            {coming.slice(0, 8).map((each) => (
              <li key={`${each.line} ${each.kind} ${each.what} ${each.from}`}>
                <span className="soon-when">
                  <Countdown to={each.from} />
                </span>
                <span>
                  <Link to={pondPath(each.line)}>{oneLine(each.line, 48)}</Link>: {each.kind}{" "}
                  {oneLine(each.what, 60)}
                </span>
                <span className="under">
                  <Time at={each.from} />
                </span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </>
  );
}

function Mark({ each, now, until }: { each: Coming; now: number; until: number }) {
  const whole = until - now;
  const left = Math.min(1, Math.max(0, (each.from - now) / whole));
  const width = Math.max(0, (Math.min(each.to, until) - Math.max(each.from, now)) / whole);
  const words = `${each.kind} ${oneLine(each.what, 60)}, ${countdown(each.from, now)}, ${localTime(each.from)} (${utcTime(each.from)})`;
  return (
    <span
      className={`mark mark-${each.kind.toLowerCase()}`}
      role="img"
      aria-label={words}
      title={words}
      style={{ left: `${left * 100}%`, ...(width ? { width: `${width * 100}%` } : {}) }}
    />
  );
}
