import { useState } from "react";
import type { WhyAnswer } from "../answers";
import { serverNow } from "../api/status";
import { around } from "../model/replay";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { asFarAsThereIsRoom, endWord, inDepth, isRoot, type Shown } from "../model/why";
import { Link } from "../parts/Link";
import { Named } from "../parts/Named";
import { StateIcon } from "../parts/State";
import { Time } from "../parts/Time";
import { replayPath, runPath, whyPath } from "../router";

const MOST = 30;
const MOST_ROOTS = 10;
const DEEPEST = 8;
/** Minutes before a moment of which nothing else is known. */
const BEFORE = 30;

/** Each cause, under the one that led to its line, down to the roots. `at`: null is now. */
export function Causes({ answer, at }: { answer: WhyAnswer; at: string | null }) {
  const [all, setAll] = useState(false);
  const causes = inDepth(answer);
  const { first, roots, left } = asFarAsThereIsRoom(causes, all ? causes.length : MOST, MOST_ROOTS);
  const more = roots.length + left;
  const row = (one: Shown, key: number) => <Cause key={key} one={one} at={at} now={answer.now} />;
  return (
    <>
      <ol className="causes">{first.map(row)}</ol>
      {more > 0 && (
        <>
          <p>
            … and {plural(more, "cause")} more.{roots.length > 0 && " The root causes among them:"}
          </p>
          {roots.length > 0 && <ol className="causes">{roots.map(row)}</ol>}
          <button type="button" className="small" onClick={() => setAll(true)}>
            Show all {causes.length}
          </button>
        </>
      )}
      {answer.left_off > 0 && (
        <p className="hint">
          {plural(answer.left_off, "line")} further up {answer.left_off === 1 ? "is" : "are"} not
          looked at.
        </p>
      )}
    </>
  );
}

function Cause({ one, at, now }: { one: Shown; at: string | null; now: string }) {
  const { cause, line, status, depth, again } = one;
  const root = isRoot(one);
  const name = oneLine(line, 80);
  return (
    <li className={`cause-row cause-${Math.min(depth, DEEPEST)} ${root ? "cause-root" : ""}`}>
      <StateIcon word={status} />
      <div className="grow">
        <p>
          <Named text={cause.text} />
          {again && " (See above.)"}
        </p>
        <p className="cause-more">
          {root && <span className="badge badge-strong">root cause</span>}
          {cause.since && (
            <span>
              since <Time at={cause.since} />
            </span>
          )}
          {cause.at && (
            <span>
              {endWord(cause.kind)} <Time at={cause.at} />
            </span>
          )}
          {cause.runs.map((run) => (
            <Link key={run} to={runPath(run)}>
              Run {oneLine(run, 80)}
            </Link>
          ))}
          {depth > 0 && (
            <Link to={whyPath(line, at)} aria-label={`Why ${name}`}>
              Why {name}
            </Link>
          )}
          {root && (
            <Link to={replayPath(line, spanOf(one, at ?? now))} aria-label={`Replay ${name}`}>
              Replay {name}
            </Link>
          )}
        </p>
      </div>
    </li>
  );
}

/** Around the beginning of the cause; if that is not known, before the moment. */
function spanOf({ cause }: Shown, moment: string): { from: string; until: string } | null {
  return cause.since
    ? around(cause.since, serverNow())
    : around(moment, serverNow(), { before: BEFORE, after: 1 });
}
