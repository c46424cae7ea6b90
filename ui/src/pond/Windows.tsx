import { useState } from "react";
import type { WindowTold } from "../answers";
import { api } from "../api/client";
import { refusal } from "../model/actions";
import type { Line } from "../model/lines";
import { duration, exact, instant } from "../model/moments";
import { localStart, openings } from "../model/windows";
import { Days } from "../parts/Days";
import { Dialog } from "../parts/Dialog";
import { Words } from "../parts/Text";
import { Countdown, Time } from "../parts/Time";
import { inDialog } from "./act";
import { useMay } from "./Actions";

/** The Windows of an Inlet, with their next openings. */
export function Windows({ line }: { line: Line }) {
  const may = useMay();
  const why = refusal("windows", line, may);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<string | null>(null);
  const remove = (name: string, note: string) =>
    inDialog(
      `Window ${name} of ${line.line} is removed.`,
      () => api.window({ line: line.line, action: "remove", name }, note),
      () => setRemoving(null),
    );
  return (
    <>
      {line.windows.map((window) => (
        <div key={window.name} className="window">
          <div className="window-head">
            <strong>
              <Words text={window.name} />
            </strong>
            <span>
              <Words text={window.words ?? plain(window)} />
            </span>
            {!why && (
              <button type="button" className="small" onClick={() => setRemoving(window.name)}>
                Remove
              </button>
            )}
          </div>
          <Openings line={line.line} window={window} />
        </div>
      ))}
      {!line.windows.length && <p>It may run at any time.</p>}
      {!why && (
        <button type="button" className="small" onClick={() => setAdding(true)}>
          Add a Window …
        </button>
      )}
      {adding && <Adding line={line} onClose={() => setAdding(false)} />}
      {removing && (
        <Dialog
          title={`Remove Window ${removing}?`}
          action="Remove"
          danger
          onClose={() => setRemoving(null)}
          onDone={(note) => remove(removing, note)}
        >
          <p>
            {line.line} may then run at any time, unless another Window is left. What its run has
            published still counts as fresh as of the end of its opening.
          </p>
        </Dialog>
      )}
    </>
  );
}

/** The rule of a Catchment of an older version, which has plain rules only. */
function plain(window: WindowTold): string {
  const days = window.on.length ? ` on ${window.on.join(", ")}` : "";
  return `every ${exact(window.every)} for ${exact(window.duration)}${days}`;
}

function Openings({ line, window }: { line: string; window: WindowTold }) {
  const next = openings(line, window, Infinity, 5).slice(0, 5);
  if (!next.length) return <p>It does not open any more.</p>;
  return (
    <ol className="openings">
      {next.map((opening) => (
        <li key={opening.start}>
          {opening.open ? (
            <b>
              open, closes <Countdown to={opening.end} />
            </b>
          ) : (
            <>
              <Time at={opening.start} /> (<Countdown to={opening.start} />){" "}
              <Words text={localStart(window, opening)} />
            </>
          )}
        </li>
      ))}
    </ol>
  );
}

function Adding({ line, onClose }: { line: Line; onClose: () => void }) {
  const [name, setName] = useState("nightly");
  const [start, setStart] = useState("02:00");
  const [byCron, setByCron] = useState(false);
  const [every, setEvery] = useState("1d");
  const [cron, setCron] = useState("0 6 1 * *");
  const [zone, setZone] = useState("");
  const [length, setLength] = useState("3h");
  const [until, setUntil] = useState("");
  const [on, setOn] = useState<string[]>([]);
  const fault = faultOf({ name, start, every: byCron ? null : every, cron, length, until });
  const add = (note: string) => {
    const rule = {
      ...(byCron ? { cron, start: "00:00" } : { start, every: duration(every) ?? 0 }),
      ...(length ? { duration: duration(length) ?? 0 } : {}),
      ...(!byCron && on.length ? { on } : {}),
      ...(until ? { until } : {}),
      ...(zone.trim() ? { tz: zone.trim() } : {}),
    };
    return inDialog(
      `Window ${name} of ${line.line} is added.`,
      () => api.window({ line: line.line, action: "add", name, ...rule }, note),
      onClose,
    );
  };
  return (
    <Dialog
      title={`A Window for ${line.line}`}
      action="Add"
      disabled={fault !== ""}
      onClose={onClose}
      onDone={add}
    >
      <p>
        {line.line} runs at most once in each opening, and only if somebody asks. Times are in the
        zone; without one, in UTC.
      </p>
      <div className="fields">
        <label>
          Name
          <input value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <label>
          Repeats
          <select
            value={byCron ? "cron" : "every"}
            onChange={(event) => setByCron(event.target.value === "cron")}
          >
            <option value="every">after a time</option>
            <option value="cron">by a calendar (cron)</option>
          </select>
        </label>
        {byCron ? (
          <label>
            Cron: minute, hour, day, month, weekday
            <input
              value={cron}
              onChange={(event) => setCron(event.target.value)}
              placeholder="0 6 1 * *"
            />
          </label>
        ) : (
          <>
            <label>
              Opens at
              <input
                value={start}
                onChange={(event) => setStart(event.target.value)}
                placeholder="02:00"
              />
            </label>
            <label>
              Every
              <input
                value={every}
                onChange={(event) => setEvery(event.target.value)}
                placeholder="1d"
              />
            </label>
          </>
        )}
        <label>
          Time zone (optional)
          <input
            value={zone}
            onChange={(event) => setZone(event.target.value)}
            placeholder="Europe/Berlin"
          />
        </label>
        <label>
          For (empty: up to the next)
          <input
            value={length}
            onChange={(event) => setLength(event.target.value)}
            placeholder="3h"
          />
        </label>
        <label>
          Until (optional)
          <input
            value={until}
            onChange={(event) => setUntil(event.target.value)}
            placeholder="2030-12-31"
          />
        </label>
      </div>
      {!byCron && <Days chosen={on} onChange={setOn} />}
      {fault && <p className="hint">{fault}</p>}
    </Dialog>
  );
}

function faultOf(asked: {
  name: string;
  start: string;
  every: string | null;
  cron: string;
  length: string;
  until: string;
}): string {
  if (!asked.name.trim()) return "Give it a name.";
  if (asked.every === null) {
    if (asked.cron.trim().split(/\s+/).length !== 5)
      return "Cron: five fields, such as 0 6 1 * * (06:00 on the first of each month).";
  } else {
    if (!/^\d{2}:\d{2}(:\d{2})?$/.test(asked.start) && instant(asked.start) === null)
      return "Opens at: a time, such as 02:00.";
    if (duration(asked.every) === null) return "Every: a duration, such as 1d.";
  }
  if (asked.length && duration(asked.length) === null) return "For: a duration, such as 3h.";
  if (asked.until && instant(asked.until) === null) return "Until: a date, such as 2030-12-31.";
  return "";
}
