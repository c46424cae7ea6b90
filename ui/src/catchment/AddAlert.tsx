import { useState } from "react";
import { operating, type AlertKind, type AlertOn } from "../api/operating";
import { Dialog } from "../parts/Dialog";
import { inDialog } from "../pond/act";

const KINDS: { kind: AlertKind; name: string; to: string }[] = [
  { kind: "slack", name: "Slack: a channel", to: "URL of the incoming webhook (not shown)" },
  { kind: "webhook", name: "A web address, as JSON", to: "URL (not shown)" },
  { kind: "email", name: "A mailbox", to: "Address" },
];
const ON: { on: AlertOn; name: string }[] = [
  { on: "failed", name: "what failed" },
  { on: "stale", name: "data past its bound" },
  { on: "recovered", name: "what has recovered" },
];

/** Asks where alerts go, and of what. A URL may be a password: it is typed unseen. */
export function AddAlert({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState<AlertKind>("slack");
  const [to, setTo] = useState("");
  const [header, setHeader] = useState("");
  const [value, setValue] = useState("");
  const [on, setOn] = useState<AlertOn[]>(ON.map((each) => each.on));
  const [ponds, setPonds] = useState("");
  const [name, setName] = useState("");
  const mailbox = kind === "email";
  const choose = (next: AlertKind): void => {
    // The address of a mailbox is shown: a URL that was typed before must not be.
    if (next === "email") setTo("");
    setKind(next);
  };
  const save = () =>
    inDialog(
      mailbox
        ? "The alert is added. Its owner gets a mail of AWS with a link, and must follow it first."
        : "The alert is added. Test it.",
      async () => {
        await operating.addAlert({
          kind,
          to: to.trim(),
          on,
          ponds: ponds.split(/[\s,]+/).filter(Boolean),
          ...(name.trim() ? { name: name.trim() } : {}),
          ...(kind === "webhook" && header.trim() ? { header: header.trim(), value } : {}),
        });
        return {};
      },
      onClose,
    );
  return (
    <Dialog
      title="Add an alert"
      action="Add"
      disabled={!to.trim() || !on.length}
      note={null}
      onClose={onClose}
      onDone={save}
    >
      <label>
        Send to
        <select value={kind} onChange={(event) => choose(event.target.value as AlertKind)}>
          {KINDS.map((each) => (
            <option key={each.kind} value={each.kind}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <label className="note-field">
        {KINDS.find((each) => each.kind === kind)?.to}
        <input
          type={mailbox ? "email" : "password"}
          autoComplete="off"
          value={to}
          placeholder={mailbox ? "team@example.com" : "https://…"}
          onChange={(event) => setTo(event.target.value)}
        />
      </label>
      {kind === "webhook" && (
        <div className="fields">
          <label>
            Header (optional)
            <input
              value={header}
              placeholder="Authorization"
              onChange={(event) => setHeader(event.target.value)}
            />
          </label>
          <label>
            Its value (not shown)
            <input
              type="password"
              autoComplete="off"
              value={value}
              disabled={!header.trim()}
              onChange={(event) => setValue(event.target.value)}
            />
          </label>
        </div>
      )}
      <fieldset className="days">
        <legend>Tell of</legend>
        {ON.map((each) => (
          <label key={each.on}>
            <input
              type="checkbox"
              checked={on.includes(each.on)}
              onChange={() =>
                setOn((held) =>
                  ON.map((one) => one.on).filter((one) => held.includes(one) !== (one === each.on)),
                )
              }
            />
            {each.name}
          </label>
        ))}
      </fieldset>
      <div className="fields">
        <label>
          Only Ponds (empty: all)
          <input
            value={ponds}
            placeholder="sales, reports"
            onChange={(event) => setPonds(event.target.value)}
          />
        </label>
        <label>
          Name (optional)
          <input
            value={name}
            placeholder={kind}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
      </div>
      <p className="hint">
        Of chosen Ponds, you are told as well what fails further up and blocks them. The address is
        kept in the Catchment, and only its host is shown again.
      </p>
    </Dialog>
  );
}
