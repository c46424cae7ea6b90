import { useState } from "react";
import type { RippleStatus } from "../answers";
import { api } from "../api/client";
import { refusal } from "../model/actions";
import type { Line } from "../model/lines";
import { memory } from "../model/numbers";
import { Dialog } from "../parts/Dialog";
import { StateIcon } from "../parts/State";
import { Words } from "../parts/Text";
import { inDialog } from "./act";
import { useMay } from "./Actions";

/** The live retry budgets. They belong to the operator. */
export function Budgets({ line }: { line: Line }) {
  const may = useMay();
  const [editing, setEditing] = useState(false);
  const { immediate_retries: immediate, source_retries: source } = line.budgets;
  return (
    <>
      <p>
        {immediate} immediate, {source} when its Sources have newer
        {line.failures ? `. ${line.failures} failed so far` : ""}.
      </p>
      {!refusal("budgets", line, may) && (
        <button type="button" className="small" onClick={() => setEditing(true)}>
          Change …
        </button>
      )}
      {editing && <BudgetDialog line={line} onClose={() => setEditing(false)} />}
    </>
  );
}

function BudgetDialog({ line, onClose }: { line: Line; onClose: () => void }) {
  const [immediate, setImmediate] = useState(String(line.budgets.immediate_retries));
  const [source, setSource] = useState(String(line.budgets.source_retries));
  const wrong = ![immediate, source].every((text) => /^\d{1,4}$/.test(text));
  const save = (note: string) =>
    inDialog(
      `The retry budgets of ${line.line} are ${immediate} and ${source}.`,
      () => {
        const [now, later] = [Number(immediate), Number(source)];
        const asked = { line: line.line, immediate_retries: now, source_retries: later };
        return api.budgets(asked, note);
      },
      onClose,
    );
  return (
    <Dialog
      title={`Retry budgets of ${line.line}`}
      action="Save"
      disabled={wrong}
      onClose={onClose}
      onDone={save}
    >
      <div className="fields">
        <label>
          Immediate retries
          <input
            inputMode="numeric"
            value={immediate}
            onChange={(event) => setImmediate(event.target.value)}
          />
        </label>
        <label>
          Source retries
          <input
            inputMode="numeric"
            value={source}
            onChange={(event) => setSource(event.target.value)}
          />
        </label>
      </div>
      <p className="hint">
        If a Pond starts work elsewhere, a retry starts that work again. For such a Pond, 0 is
        careful.
      </p>
    </Dialog>
  );
}

const WHY = {
  operator: "pinned by an operator",
  learnt: "as the line has learnt",
  hint: "as its author said",
  default: "",
} as const;

/** The Ripples, their state, and where each runs next. */
export function Ripples({ line }: { line: Line }) {
  const may = useMay();
  const [editing, setEditing] = useState<RippleStatus | null>(null);
  const going = new Map(
    line.runs.flatMap((run) => run.ripples).map((ripple) => [ripple.name, ripple]),
  );
  const why = refusal("compute", line, may);
  return (
    <>
      <ul className="rows">
        {line.ripples.map((ripple) => (
          <li key={ripple.name}>
            <StateIcon word={going.get(ripple.name)?.status ?? ripple.status} />
            <span className="grow">
              <strong>
                <Words text={ripple.name} />
              </strong>
              <span className="under">
                {ripple.runs_on === "task"
                  ? `a task${ripple.task_mib ? ` of ${memory(ripple.task_mib)}` : ""}`
                  : "in the function"}
                {WHY[ripple.decided_by] ? `, ${WHY[ripple.decided_by]}` : ""}
                {ripple.parents.length ? ` · after ${ripple.parents.join(", ")}` : ""}
              </span>
            </span>
            <span>{going.get(ripple.name)?.status ?? ripple.status}</span>
            {!why && (
              <button
                type="button"
                className="small"
                aria-label={`Place … of ${ripple.name}`}
                onClick={() => setEditing(ripple)}
              >
                Place …
              </button>
            )}
          </li>
        ))}
      </ul>
      {editing && <PlaceDialog line={line} ripple={editing} onClose={() => setEditing(null)} />}
    </>
  );
}

const TASKS_GB = [8, 16, 30, 60, 120];

function PlaceDialog({
  line,
  ripple,
  onClose,
}: {
  line: Line;
  ripple: RippleStatus;
  onClose: () => void;
}) {
  const [place, setPlace] = useState<"lambda" | "task" | "auto">(
    ripple.decided_by === "operator" ? ripple.runs_on : "auto",
  );
  const [gb, setGb] = useState(String(ripple.task_mib ? Math.round(ripple.task_mib / 1024) : 0));
  const save = (note: string) =>
    inDialog(
      `From its next attempt on, ${ripple.name} runs ${place === "auto" ? "where the line finds best" : place === "task" ? "as a task" : "in the function"}.`,
      () => {
        const memory = place === "task" && gb !== "0" ? { memory_mib: Number(gb) * 1024 } : {};
        return api.compute({ line: line.line, ripple: ripple.name, place, ...memory }, note);
      },
      onClose,
    );
  return (
    <Dialog title={`Where ${ripple.name} runs`} action="Save" onClose={onClose} onDone={save}>
      <label>
        Place
        <select value={place} onChange={(event) => setPlace(event.target.value as typeof place)}>
          <option value="auto">auto: the line finds out by itself</option>
          <option value="lambda">always in the function</option>
          <option value="task">always as a task</option>
        </select>
      </label>
      {place === "task" && (
        <label>
          Memory
          <select value={gb} onChange={(event) => setGb(event.target.value)}>
            <option value="0">as the line finds out</option>
            {TASKS_GB.map((each) => (
              <option key={each} value={each}>
                {each} GB
              </option>
            ))}
          </select>
        </label>
      )}
      <p className="hint">A pin counts from the next attempt on, and over deploys.</p>
    </Dialog>
  );
}
