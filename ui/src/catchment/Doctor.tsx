import { useState } from "react";
import { api } from "../api/client";
import type { DoctorCheck, DoctorFinding, DoctorTold } from "../api/shapes";
import { useAnswer } from "../api/useAnswer";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Refused } from "../parts/Empty";
import { Named } from "../parts/Named";
import { StateIcon } from "../parts/State";
import { Time } from "../parts/Time";
import { serverNow } from "../api/status";

// What is shown while the doctor looks: an older or newer server may name others in its answer.
const AREAS = [
  "access",
  "versions",
  "functions",
  "queues",
  "dead letters",
  "alarms",
  "tasks",
  "lines",
];

/** What `duckstring doctor` finds: each area with a tick, or with what is wrong there. */
export function Doctor() {
  const [round, setRound] = useState(1);
  const asked = useAnswer(`doctor ${round}`, async (signal) => ({
    told: await api.doctor(signal),
    at: serverNow(),
  }));
  const again = (): void => setRound((old) => old + 1);
  const answer = asked.answer;
  return (
    <>
      <div className="part-head">
        <h2>Doctor</h2>
        <span className="grow" role="status">
          {asked.loading && "Looking at everything. In AWS this takes some seconds …"}
          {answer && <Outcome told={answer.told} at={answer.at} />}
        </span>
        <button type="button" className="small" disabled={asked.loading} onClick={again}>
          Look again
        </button>
      </div>
      {asked.fault && <Refused fault={asked.fault} again={again} />}
      {asked.loading && <Awaited />}
      {answer && (
        <ul className="checks">
          {worstFirst(answer.told.checks).map((check) => (
            <Area
              key={check.area}
              check={check}
              findings={answer.told.findings.filter((one) => one.area === check.area)}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function Outcome({ told, at }: { told: DoctorTold; at: number }) {
  const unseen = told.checks.filter((check) => !check.looked_at).length;
  const wrong = told.findings.length - unseen;
  return (
    <>
      {told.ok ? "Nothing is wrong" : wrong > 0 ? `${plural(wrong, "finding")}` : "No findings"}
      {unseen > 0 && `, ${plural(unseen, "area")} not looked at`}. Looked at <Time at={at} />.
    </>
  );
}

function Awaited() {
  return (
    <ul className="checks" aria-hidden="true">
      {AREAS.map((area) => (
        <li key={area} className="check check-awaited">
          <StateIcon word="pending" />
          <b>{area}</b>
          <span className="bar short" />
        </li>
      ))}
    </ul>
  );
}

function worstFirst(checks: DoctorCheck[]): DoctorCheck[] {
  const rank = (check: DoctorCheck): number => (check.ok ? 2 : check.looked_at ? 0 : 1);
  return [...checks].sort((one, other) => rank(one) - rank(other));
}

const SAID = { fine: "fine", wrong: "something is wrong", unseen: "not looked at" };

function Area({ check, findings }: { check: DoctorCheck; findings: DoctorFinding[] }) {
  const how = check.ok ? "fine" : check.looked_at ? "wrong" : "unseen";
  const icon = { fine: "idle", wrong: "failed", unseen: "pending" }[how];
  return (
    <li className={`check check-${how}`}>
      <StateIcon word={icon} />
      <b>
        {oneLine(check.area, 40)}
        <span className="unseen">: {SAID[how]}</span>
      </b>
      <div className="grow">
        {check.ok && <p className="hint">{oneLine(check.fine)}</p>}
        {how === "unseen" && <p className="strong">Not looked at</p>}
        {findings.map((finding) => (
          <Finding key={finding.message} finding={finding} />
        ))}
      </div>
    </li>
  );
}

function Finding({ finding }: { finding: DoctorFinding }) {
  const details = finding.details.filter(Boolean);
  return (
    <div className="finding">
      <p>
        <Named text={finding.message} />
      </p>
      {details.length > 0 && (
        <ul className="details">
          {details.map((detail, at) => (
            <li key={at}>
              <Named text={detail} />
            </li>
          ))}
        </ul>
      )}
      {finding.hint && (
        <p className="hint">
          → <Named text={finding.hint} />
        </p>
      )}
    </div>
  );
}
