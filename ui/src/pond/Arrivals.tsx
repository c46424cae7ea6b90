import { useEffect, useRef, useState } from "react";
import type { ArrivalRow } from "../answers";
import { operating } from "../api/operating";
import { useAnswer } from "../api/useAnswer";
import type { Line } from "../model/lines";
import { instant } from "../model/moments";
import { plural, size } from "../model/numbers";
import { Loading, Refused } from "../parts/Empty";
import { Words } from "../parts/Text";
import { Age } from "../parts/Time";

const FIRST = 5;
const SETTLES_MS = 10_000;

/** Which objects trigger a Pond, and those that wait for its Ripples. */
export function Arrivals({ line, rules }: { line: Line; rules: ArrivalRow[] }) {
  return (
    <>
      {rules.length > 0 && (
        <ul className="rows" aria-label="Arrival rules">
          {rules.map((rule) => (
            <li key={rule.name}>
              <span className="grow">
                <strong>
                  <Words text={rule.name} />
                </strong>
                <span className="under">
                  <Words text={`s3://${rule.bucket}/${rule.prefix}*${rule.suffix}`} />
                </span>
              </span>
              <span>asks for a {rule.kind}</span>
            </li>
          ))}
        </ul>
      )}
      {line.backlog ? (
        <Backlog line={line} waiting={line.backlog} />
      ) : (
        <p>No object waits for its Ripples.</p>
      )}
    </>
  );
}

function Backlog({ line, waiting }: { line: Line; waiting: number }) {
  const settled = useSettled(waiting);
  const asked = useAnswer(`${line.line} ${settled} ${line.last_run?.run ?? ""}`, (signal) =>
    operating.backlog(line.line, signal),
  );
  const [all, setAll] = useState(false);
  // What was known stays until more is: otherwise the list would go and come while objects arrive.
  const known = useRef(asked.answer);
  if (asked.answer) known.current = asked.answer;
  const answer = known.current;
  if (asked.fault) return <Refused fault={asked.fault} again={asked.again} />;
  if (!answer) return <Loading what="what waits" />;
  const [oldest] = answer.objects;
  const shown = all ? answer.objects : answer.objects.slice(0, FIRST);
  const more = answer.waiting - answer.objects.length;
  return (
    <>
      <p>
        <b>{plural(answer.waiting, "object")}</b>{" "}
        {answer.waiting === 1 ? "waits for its Ripples" : "wait for its Ripples"}
        {oldest && (
          <>
            , the oldest for <Age from={instant(oldest.arrived)} />
          </>
        )}
        .
      </p>
      <ol className="rows backlog" aria-label="Objects that wait, the oldest first">
        {shown.map((one) => (
          <li key={one.number}>
            <span className="grow address">
              <Words text={one.uri} />
            </span>
            <span className="number">{size(one.size)}</span>
            <span className="number">
              <Age from={instant(one.arrived)} />
            </span>
          </li>
        ))}
      </ol>
      {answer.objects.length > FIRST && (
        <button type="button" className="small plain" onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show the first ${answer.objects.length}`}
        </button>
      )}
      {all && more > 0 && <p className="hint">And {plural(more, "object")} more.</p>}
    </>
  );
}

/** A number that changes often, at most every ten seconds. */
function useSettled(value: number): number {
  const [held, setHeld] = useState({ value, at: Date.now() });
  useEffect(() => {
    if (value === held.value) return undefined;
    const left = held.at + SETTLES_MS - Date.now();
    const timer = setTimeout(() => setHeld({ value, at: Date.now() }), Math.max(0, left));
    return () => clearTimeout(timer);
  }, [value, held]);
  return held.value;
}
