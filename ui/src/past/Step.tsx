import type { ReplayChange, ReplayStep } from "../answers";
import { instant, localTime } from "../model/moments";
import { exactUtc } from "../model/replay";
import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { Named } from "../parts/Named";
import { StateChip } from "../parts/State";
import { whyPath } from "../router";
import { JournalHint } from "./JournalHint";

interface Props {
  line: string;
  step: ReplayStep;
  /** What the line was before; null: that is not shown. */
  before: string | null;
  number: number;
  of: number;
  /** Whether there are more than these. */
  open: boolean;
  onMove: (by: number) => void;
}

/** One commit: what came, what it changed, what was done. */
export function Step({ line, step, before, number, of, open, onMove }: Props) {
  const { letters, changes, effects } = step;
  return (
    <section className="step-detail" aria-label={`Step ${number}`}>
      <div className="step-head" aria-live="polite">
        <h2>
          Step {number}{" "}
          <small>
            of {of}
            {open && "+"}
          </small>
        </h2>
        <Clock at={step.at} />
        {before !== null && before !== step.status && (
          <>
            <StateChip word={before} />
            <span aria-label="then">→</span>
          </>
        )}
        <StateChip word={step.status} />
        <span className="hint">revision {step.revision}</span>
      </div>
      <div className="buttons">
        <button type="button" disabled={number === 1} onClick={() => onMove(-1)}>
          ← Step before <kbd>p</kbd>
        </button>
        <button type="button" disabled={number === of} onClick={() => onMove(1)}>
          Next step → <kbd>n</kbd>
        </button>
        <Link className="button" to={whyPath(line, step.at)}>
          Why at this moment
        </Link>
      </div>
      {step.gap && (
        <div className="step-unknown" role="note">
          <p>{oneLine(step.gap, 600)}</p>
          <JournalHint />
        </div>
      )}
      {letters.length > 0 && (
        <>
          <h3>It was told</h3>
          <ul className="letters">
            {letters.map((letter, at) => (
              <li key={at}>
                <span className="sender">
                  <Named text={oneLine(letter.sender, 300)} />
                </span>
                <span>
                  <Named text={letter.text} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {changes.length > 0 && (
        <>
          <h3>What changed in it</h3>
          <Changed changes={changes} />
        </>
      )}
      {effects.length > 0 && (
        <>
          <h3>What it did</h3>
          <ul className="plain-list did">
            {effects.map((effect, at) => (
              <li key={at}>
                <Named text={effect.text} />
              </li>
            ))}
          </ul>
        </>
      )}
      {letters.length > 0 && !changes.length && !effects.length && (
        <p className="hint">Nothing followed from that.</p>
      )}
    </section>
  );
}

function Changed({ changes }: { changes: ReplayChange[] }) {
  return (
    <dl className="changed">
      {changes.map((one, at) => (
        <div key={at}>
          <dt>{oneLine(one.what, 120)}</dt>
          <dd>
            {one.before && (
              <>
                <del>{oneLine(one.before, 1000)}</del> <span aria-hidden="true">→</span>{" "}
              </>
            )}
            {one.after ? <ins>{oneLine(one.after, 1000)}</ins> : "(no longer)"}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** An instant of the journal, to the millisecond. */
export function Clock({ at }: { at: string }) {
  const when = instant(at);
  if (when === null) return <span>never</span>;
  return (
    <time dateTime={new Date(when).toISOString()} title={exactUtc(at)} className="clock">
      {localTime(when)}
      <small>.{String(when % 1000).padStart(3, "0")}</small>
    </time>
  );
}
