import { useState } from "react";
import { useMayChange } from "../api/catchment";
import { operating } from "../api/operating";
import { changeOf, kindOf, type BoundForm, type BoundKind } from "../model/bounds";
import type { Line } from "../model/lines";
import { exact } from "../model/moments";
import { oneLine } from "../model/text";
import { Days } from "../parts/Days";
import { Dialog } from "../parts/Dialog";
import { Time } from "../parts/Time";
import { inDialog } from "./act";

/** In seconds: proposed where no age counts yet. */
const A_DAY = 86_400;

/** How old a Pond's data may be before somebody is told. */
export function Bound({ line }: { line: Line }) {
  const may = useMayChange();
  const [editing, setEditing] = useState(false);
  return (
    <>
      <Told line={line} />
      {may && (
        <button type="button" className="small" onClick={() => setEditing(true)}>
          Set its bound …
        </button>
      )}
      {editing && <BoundDialog line={line} onClose={() => setEditing(false)} />}
    </>
  );
}

function Told({ line: { bound } }: { line: Line }) {
  if (!bound) return <p>None, and no Tide: nobody is told when its data gets old.</p>;
  if (kindOf(bound) === "none")
    return <p>None, as declared: nobody is told when its data gets old.</p>;
  return (
    <p>
      {oneLine(bound.words, 120)} ({bound.declared ? "declared" : "by its Tide"}),{" "}
      {bound.stale ? (
        <span className="older">
          stale since <Time at={bound.stale} />
        </span>
      ) : bound.due ? (
        <>
          will pass it at <Time at={bound.due} />, unless something newer is published
        </>
      ) : (
        "in time"
      )}
      .
    </p>
  );
}

function BoundDialog({ line, onClose }: { line: Line; onClose: () => void }) {
  const { bound } = line;
  const declared = bound?.declared ? bound : null;
  const [form, setForm] = useState<BoundForm>({
    kind: declared ? kindOf(bound) : "within",
    within: exact(bound?.within ?? A_DAY),
    at: declared?.at ?? "06:00",
    tz: declared?.at ? (declared.tz ?? "") : Intl.DateTimeFormat().resolvedOptions().timeZone,
    on: declared?.on ?? [],
  });
  const change = (some: Partial<BoundForm>): void => setForm((old) => ({ ...old, ...some }));
  const { change: asked, fault } = changeOf(form);
  const save = (note: string) =>
    asked
      ? inDialog(
          asked.action === "set"
            ? `The bound of ${line.line} is set.`
            : line.trigger?.bound === undefined
              ? `No bound of ${line.line} is declared any more.`
              : `The bound of ${line.line} is that of its Tide.`,
          () => operating.bound(line.line, asked, note),
          onClose,
        )
      : undefined;
  return (
    <Dialog
      title={`How old the data of ${line.line} may be`}
      action="Save"
      disabled={asked === null}
      onClose={onClose}
      onDone={save}
    >
      <p>Once its data is older, alerts tell of it. No run starts because of that.</p>
      <label>
        Bound
        <select
          value={form.kind}
          onChange={(event) => change({ kind: event.target.value as BoundKind })}
        >
          <option value="within">an age</option>
          <option value="at">fresh each day by a time</option>
          <option value="none">none: it is never stale</option>
          <option value="tide">
            {line.trigger?.bound === undefined
              ? "not declared: there is no Tide"
              : "as its Tide says"}
          </option>
        </select>
      </label>
      {form.kind === "within" && (
        <label>
          Age
          <input
            value={form.within}
            aria-invalid={fault !== ""}
            onChange={(event) => change({ within: event.target.value })}
          />
        </label>
      )}
      {form.kind === "at" && <Clock form={form} change={change} fault={fault} />}
      {fault && <p className="hint">{fault}</p>}
    </Dialog>
  );
}

interface ClockProps {
  form: BoundForm;
  change: (some: Partial<BoundForm>) => void;
  fault: string;
}

function Clock({ form, change, fault }: ClockProps) {
  return (
    <>
      <div className="fields">
        <label>
          By
          <input
            value={form.at}
            placeholder="06:00"
            aria-invalid={fault !== ""}
            onChange={(event) => change({ at: event.target.value })}
          />
        </label>
        <label>
          Time zone (empty: UTC)
          <input
            value={form.tz}
            placeholder="Europe/Berlin"
            onChange={(event) => change({ tz: event.target.value })}
          />
        </label>
      </div>
      <Days chosen={form.on} onChange={(on) => change({ on })} />
      <p className="hint">By then, its data has to be fresh as of that day.</p>
    </>
  );
}
