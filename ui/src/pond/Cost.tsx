import { useState } from "react";
import { api } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import { dollars, plural } from "../model/numbers";
import { Loading, Refused } from "../parts/Empty";

const SPANS = [1, 7, 30];
const SHOWN = 5;

/** What the runs of a Pond cost. It is asked for only while it is open: an answer reads every run. */
export function Cost({ line }: { line: string }) {
  const [open, setOpen] = useState(false);
  const [days, setDays] = useState(7);
  const asked = useAnswer(open ? `${line} ${days}` : null, (signal) =>
    api.cost(line, days, signal),
  );
  const told = asked.answer;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What its runs cost</summary>
      <label>
        In the last{" "}
        <select value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {SPANS.map((span) => (
            <option key={span} value={span}>
              {plural(span, "day")}
            </option>
          ))}
        </select>
      </label>
      {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
      {asked.loading && <Loading what="what they used" />}
      {told && (
        <>
          <p>
            <strong>{dollars(told.usd)}</strong> for {plural(told.runs, "run")}
            {told.estimated > 0 && `, ${plural(told.estimated, "attempt")} of them estimated`}
            {!told.complete && ", the newest ones only"}
          </p>
          <ul className="rows">
            {told.parts.slice(0, SHOWN).map((part) => (
              <li key={part.kind}>
                <span className="grow">{part.kind.replaceAll("_", " ")}</span>
                <span className="number">{part.amount.toLocaleString("en")}</span>
                <span className="number">{dollars(part.usd)}</span>
              </li>
            ))}
          </ul>
          <p className="under">
            List prices of {told.region}, {told.date}.
          </p>
        </>
      )}
    </details>
  );
}
