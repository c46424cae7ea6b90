import type { AttemptRow } from "../answers";
import { instant, took, utcTime } from "../model/moments";
import { memory } from "../model/numbers";
import { oneLine } from "../model/text";
import type { Timeline } from "../model/timeline";
import { StateIcon, stateOf } from "../parts/State";

interface Props {
  timeline: Timeline;
  chosen: string | null;
  onChoose: (ripple: string, attempt: number) => void;
}

/** A row for each Ripple, a bar for each attempt. */
export function Gantt({ timeline, chosen, onChoose }: Props) {
  return (
    <div className="gantt">
      <div className="gantt-axis" aria-hidden="true">
        {timeline.ticks
          .filter((tick) => tick.left < 0.97)
          .map((tick) => (
            <span key={tick.seconds} style={{ left: `${tick.left * 100}%` }}>
              {took(tick.seconds)}
            </span>
          ))}
      </div>
      {timeline.rows.map((row) => (
        <div key={row.ripple} className="gantt-row">
          <div className="gantt-name" title={oneLine(row.ripple)}>
            {oneLine(row.ripple, 48)}
          </div>
          <div className="gantt-bars">
            {timeline.ticks.map((tick) => (
              <i
                key={tick.seconds}
                className="gantt-tick"
                style={{ left: `${tick.left * 100}%` }}
              />
            ))}
            {row.bars.map((bar) => (
              <button
                key={bar.attempt.attempt}
                type="button"
                className={`gantt-bar state-${stateOf(bar.attempt.status)} ${bar.attempt.where === "task" ? "on-task" : ""} ${bar.going ? "going" : ""}`}
                style={{ left: `${bar.left * 100}%`, width: `${bar.width * 100}%` }}
                aria-pressed={chosen === `${row.ripple} ${bar.attempt.attempt}`}
                aria-label={`${took((bar.to - bar.from) / 1000)}: ${wordsOf(bar.attempt)}`}
                title={`${wordsOf(bar.attempt)}\n${utcTime(bar.from)}`}
                onClick={() => onChoose(row.ripple, bar.attempt.attempt)}
              >
                <StateIcon word={bar.attempt.status} />
                <span>{took((bar.to - bar.from) / 1000)}</span>
              </button>
            ))}
            {!row.bars.length && <span className="gantt-none">not started</span>}
          </div>
        </div>
      ))}
    </div>
  );
}

function wordsOf(attempt: AttemptRow): string {
  const resumes = instant(attempt.resumes);
  return oneLine(
    [
      `${attempt.ripple}, attempt ${attempt.attempt}: ${attempt.status}`,
      placeOf(attempt),
      attempt.pauses ? `paused ${attempt.pauses} times` : "",
      resumes !== null ? `resumes ${utcTime(resumes)}` : "",
    ]
      .filter(Boolean)
      .join(", "),
  );
}

export function placeOf(attempt: AttemptRow): string {
  if (!attempt.where) return "";
  const size = attempt.memory_mib ? ` of ${memory(attempt.memory_mib)}` : "";
  return attempt.where === "task" ? `a task${size}` : `the function${size}`;
}
