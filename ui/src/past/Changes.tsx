import { useState, type FormEvent } from "react";
import type { AuditAnswer } from "../answers";
import { api } from "../api/client";
import { serverNow, useGraph } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { askedOf, withOlder, type Asked } from "../model/audit";
import { momentOf, SPANS } from "../model/feed";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Empty, Loading, Refused } from "../parts/Empty";
import { changesPath, go } from "../router";
import { AuditList } from "./AuditList";
import { asField, asInstant, MomentField } from "./MomentField";
import "./past.css";

const PAGE = 50;
const SPAN_WORDS: Record<(typeof SPANS)[number], string> = {
  "1h": "in the last hour",
  "24h": "in the last 24 hours",
  "7d": "in the last 7 days",
  "30d": "in the last 30 days",
};

/** Who changed what, when and why, newest first. The filters are in the address. */
export default function Changes({ query }: { query: URLSearchParams }) {
  const asked = askedOf(query);
  const key = Object.values(asked).join("\n");
  const since = momentOf(asked.since, serverNow());
  const until = momentOf(asked.until, serverNow());
  const odd = [asked.since, asked.until].filter((text) => text && !momentOf(text, serverNow()));
  const only = { pond: asked.pond, by: asked.by, since, limit: PAGE };
  const first = useAnswer(`changes ${key}`, (signal) =>
    api.audit({ ...only, before: until }, signal),
  );
  // Older ones follow the answer that they were asked for with, and no other.
  const [older, setOlder] = useState<{ after: AuditAnswer | null; held: AuditAnswer } | null>(null);
  const held = older?.after === first.answer ? older.held : first.answer;
  const filtered = Object.values(asked).some(Boolean);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Who changed what</h1>
      </div>
      <Filters key={key} asked={asked} />
      {odd.length > 0 && (
        <p className="hint">Not understood, so left out: {oneLine(odd.join(", "), 80)}</p>
      )}
      {first.fault && <Refused fault={first.fault} again={first.again} />}
      {first.loading && <Loading what="changes" />}
      {held && !held.entries.length && (
        <Empty title={filtered ? "No change is like this." : "Nobody has changed anything."}>
          <p>
            Triggers, verbs, deploys, Windows and settings that people asked for are kept here, and
            who asked. What events and arrivals ask for is told with each run.
          </p>
        </Empty>
      )}
      {held && held.entries.length > 0 && (
        <>
          <AuditList rows={held.entries} />
          <Older
            held={held}
            only={only}
            onHeld={(all) => setOlder({ after: first.answer, held: all })}
            again={first.again}
          />
        </>
      )}
    </div>
  );
}

function Older({
  held,
  only,
  onHeld,
  again,
}: {
  held: AuditAnswer;
  only: { pond: string; by: string; since: string | undefined; limit: number };
  onHeld: (held: AuditAnswer) => void;
  again: () => void;
}) {
  const [word, setWord] = useState("");
  const show = async (): Promise<void> => {
    setWord("Loading …");
    try {
      const page = await api.audit({ ...only, before: held.next ?? undefined });
      onHeld({ entries: withOlder(held.entries, page.entries), next: page.next });
      setWord("");
    } catch (error) {
      setWord(oneLine((error as Error).message));
    }
  };
  return (
    <p className="feed-end buttons">
      {held.next === null ? (
        `${plural(held.entries.length, "change")} in all.`
      ) : (
        <button type="button" className="more" onClick={() => void show()}>
          Show older changes
        </button>
      )}
      <button type="button" className="small" onClick={again}>
        Look again
      </button>
      <span role="status">{word}</span>
    </p>
  );
}

/** Nothing is asked while a name or a moment is being typed. */
function Filters({ asked }: { asked: Asked }) {
  const graph = useGraph();
  const [by, setBy] = useState(asked.by);
  const isPreset = !asked.until && (SPANS as readonly string[]).includes(asked.since);
  const [between, setBetween] = useState(!isPreset && !!(asked.since || asked.until));
  const [from, setFrom] = useState(asField(momentOf(asked.since || "24h", serverNow())));
  const [to, setTo] = useState(asField(momentOf(asked.until, serverNow())));
  const ponds = [...new Set(graph?.lines.map((line) => line.pond) ?? [])].sort();
  const filter = (changes: Partial<Asked>): void =>
    go(changesPath({ ...asked, by: by.trim(), ...changes }), "replace");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    filter(between ? { since: asInstant(from), until: asInstant(to) } : {});
  };
  const pickSpan = (value: string): void => {
    setBetween(value === "between");
    if (value !== "between") filter({ since: value, until: "" });
  };
  return (
    <form className="moment" role="search" aria-label="Changes" onSubmit={submit}>
      <label>
        Pond
        <select value={asked.pond} onChange={(event) => filter({ pond: event.target.value })}>
          <option value="">all, and the Catchment</option>
          {asked.pond && !ponds.includes(asked.pond) && (
            <option value={asked.pond}>{oneLine(asked.pond, 60)}</option>
          )}
          {ponds.map((each) => (
            <option key={each} value={each}>
              {oneLine(each, 60)}
            </option>
          ))}
        </select>
      </label>
      <label>
        By
        <input
          value={by}
          placeholder="anybody"
          maxLength={200}
          onChange={(event) => setBy(event.target.value)}
        />
      </label>
      <label>
        When
        <select
          value={between ? "between" : asked.since}
          onChange={(event) => pickSpan(event.target.value)}
        >
          <option value="">at any time</option>
          {SPANS.map((each) => (
            <option key={each} value={each}>
              {SPAN_WORDS[each]}
            </option>
          ))}
          <option value="between">between …</option>
        </select>
      </label>
      {between && (
        <>
          <MomentField name="from" value={from} onChange={setFrom} />
          <MomentField name="to" value={to} onChange={setTo} />
        </>
      )}
      <button type="submit">Show</button>
    </form>
  );
}
