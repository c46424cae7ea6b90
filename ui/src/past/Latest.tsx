import { useState } from "react";
import { api } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { changesPath } from "../router";
import { AuditList } from "./AuditList";
import "./past.css";

const SHOWN = 8;

/** The newest changes of the Catchment. Asked once, and by a button. */
export function LatestChanges() {
  return (
    <section className="part" aria-label="Changes">
      <Listed title="Who changed what" pond="" />
    </section>
  );
}

/** Those of one Pond, in its panel. Nothing is asked before it is opened. */
export function PondChanges({ pond }: { pond: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Who changed it, and why</summary>
      {open && <Listed title="" pond={pond} />}
    </details>
  );
}

function Listed({ title, pond }: { title: string; pond: string }) {
  const asked = useAnswer(`latest ${pond}`, (signal) => api.audit({ pond, limit: SHOWN }, signal));
  const rows = asked.answer?.entries;
  return (
    <>
      <div className="part-head">
        {title && <h2>{title}</h2>}
        <span className="grow">
          <Link to={changesPath({ pond })}>
            {pond ? `All changes of ${oneLine(pond, 60)}` : "All changes, by Pond, person and time"}
          </Link>
        </span>
        <button type="button" className="small" onClick={asked.again}>
          Look again
        </button>
      </div>
      {asked.fault && <Refused fault={asked.fault} again={asked.again} />}
      {asked.loading && <Loading what="changes" />}
      {rows && !rows.length && <p>Nobody has changed {pond ? "it" : "anything"}.</p>}
      {rows && rows.length > 0 && <AuditList rows={rows} />}
    </>
  );
}
