import { useId, useState } from "react";
import { useCatchment } from "../api/catchment";
import { api } from "../api/client";
import { confirmation, refusal, type May, type Verb } from "../model/actions";
import type { Line } from "../model/lines";
import { duration, exact } from "../model/moments";
import { Dialog } from "../parts/Dialog";
import { NoteField } from "../parts/NoteField";
import type { Note } from "../parts/live";
import { act, attempt, type Became, type Outcome } from "./act";

interface Button {
  verb: Verb;
  name: string;
  title: string;
}

const DEMAND: Button[] = [
  { verb: "tap", name: "Tap", title: "One pull, by hand: newer than what it holds" },
  { verb: "pulse", name: "Pulse", title: "One push: everything that it reads, fresh as of now" },
  { verb: "wave", name: "Wave", title: "Pulls for ever: as fresh as the slowest Ripple allows" },
  { verb: "tide", name: "Tide …", title: "A push whenever its age would pass a bound" },
  { verb: "remove", name: "Remove", title: "Removes the Wave or Tide" },
];

const CONTROL: Button[] = [
  {
    verb: "wake",
    name: "Wake",
    title: "Clears a failure or a kill. Runs once its Sources hold something newer",
  },
  { verb: "force", name: "Force", title: "Runs again at the freshness that it has" },
  { verb: "clear", name: "Clear", title: "Clears a failure; runs only what is still wanted" },
  { verb: "sleep", name: "Sleep", title: "Drops demand and trigger; a run in flight is finished" },
  { verb: "kill", name: "Kill", title: "Stops its runs now" },
];

const DONE: Partial<Record<Verb, string>> = {
  tap: "is tapped.",
  pulse: "has a Pulse.",
  wave: "has a Wave.",
  remove: "has no trigger any more.",
  wake: "is woken.",
  force: "is forced.",
  clear: "is cleared.",
  sleep: "is put to sleep.",
  kill: "is killed.",
};

export function useMay(): May {
  const catchment = useCatchment();
  return { canAct: catchment?.can_act ?? false, readOnly: catchment?.read_only ?? false };
}

export function Actions({ line }: { line: Line }) {
  const may = useMay();
  const [asking, setAsking] = useState<Verb | null>(null);
  const [busy, setBusy] = useState(false);
  /** For the next action. Null: none is asked for. */
  const [why, setWhy] = useState<string | null>(null);
  const reasons = useId();
  const catchment = useCatchment();
  if (!catchment) return null;
  if (may.readOnly || !may.canAct) {
    return <p className="hint">{refusal("tap", line, may)} Actions are not offered.</p>;
  }
  const carryOut = async (verb: Verb, note: string, bound?: number): Promise<void> => {
    setAsking(null);
    setBusy(true);
    const done = await carryOutVerb(verb, line, { note, bound });
    setBusy(false);
    if (done) setWhy(null);
    requestAnimationFrame(keepFocus);
  };
  const press = (verb: Verb): void => {
    if (busy) return;
    if (verb === "tide" || confirmation(verb, line)) setAsking(verb);
    else void carryOut(verb, why?.trim() ?? "");
  };
  const all = [...DEMAND, ...CONTROL];
  const off = all.filter(({ verb }) => refusal(verb, line, may));
  const group = (buttons: Button[], label: string) => (
    <div className="buttons" role="group" aria-label={label}>
      {buttons.map(({ verb, name, title }) => {
        const why = refusal(verb, line, may);
        return (
          <button
            key={verb}
            type="button"
            className={verb === "kill" ? "danger" : ""}
            title={why || title}
            // A button that is disabled loses focus.
            disabled={why !== ""}
            aria-disabled={busy || undefined}
            aria-describedby={why ? reasons : undefined}
            onClick={() => press(verb)}
          >
            {name}
          </button>
        );
      })}
    </div>
  );
  return (
    <section className="actions" aria-label="Actions">
      {group(DEMAND, "Ask for data")}
      {group(CONTROL, "Control")}
      {off.length > 0 && (
        <p id={reasons} className="reasons">
          {off.map(({ verb, name }) => (
            <span key={verb}>
              <b>{name.replace(" …", "")}:</b> {refusal(verb, line, may)}
            </span>
          ))}
        </p>
      )}
      {why === null ? (
        <button type="button" className="small plain with-note" onClick={() => setWhy("")}>
          With a note …
        </button>
      ) : (
        <NoteField value={why} onChange={setWhy} autoFocus />
      )}
      {asking === "tide" && (
        <TideDialog
          line={line}
          note={why ?? ""}
          onClose={() => setAsking(null)}
          onDone={(bound, note) => void carryOut("tide", note, bound)}
        />
      )}
      {asking && asking !== "tide" && (
        <Dialog
          title={`${all.find(({ verb }) => verb === asking)?.name ?? ""}: ${line.line}?`}
          action={all.find(({ verb }) => verb === asking)?.name ?? "Yes"}
          danger
          note={why ?? ""}
          onClose={() => setAsking(null)}
          onDone={(note) => void carryOut(asking, note)}
        >
          <p>{confirmation(asking, line)}</p>
        </Dialog>
      )}
    </section>
  );
}

/** The button that was pressed may make no sense any more: focus stays in the panel. */
function keepFocus(): void {
  if (document.activeElement === document.body)
    document.querySelector<HTMLElement>(".panel h1")?.focus({ preventScroll: true });
}

interface How {
  note: string;
  bound?: number | undefined;
}

/** True if it was carried out. What became of it is told. */
async function carryOutVerb(verb: Verb, line: Line, how: How): Promise<boolean> {
  const done = verb === "tide" ? `has a Tide of ${exact(how.bound ?? 0)}.` : DONE[verb];
  return act(`${line.line} ${done ?? ""}`, () => request(verb, line, how), takenBack(verb, line));
}

/** A Wave or Tide that an action has removed can be set again. */
function takenBack(verb: Verb, line: Line): Note["next"] {
  const trigger = line.trigger;
  if (!trigger || (verb !== "sleep" && verb !== "remove")) return undefined;
  const name = trigger.kind === "tide" ? `Tide of ${exact(trigger.bound ?? 0)}` : "Wave";
  return {
    name: `Set its ${name} again`,
    act: () => void carryOutVerb(trigger.kind, line, { note: "", bound: trigger.bound }),
  };
}

/** What became of a verb for one of several Ponds. It is told by who asked. */
export const attemptVerb = (verb: Verb, line: Line, note: string): Promise<Became> =>
  attempt(DONE[verb] ?? "", () => request(verb, line, { note }));

async function request(verb: Verb, line: Line, { note, bound }: How): Promise<Outcome> {
  const { pond, major } = line;
  switch (verb) {
    case "tap":
    case "pulse":
    case "wave":
    case "remove":
      return api.trigger({ pond, major, kind: verb }, note);
    case "tide":
      return api.trigger(
        { pond, major, kind: verb, ...(bound === undefined ? {} : { bound }) },
        note,
      );
    case "wake":
    case "force":
    case "sleep":
    case "kill":
    case "clear": {
      const { applied, warnings, runs } = await api.control({ line: line.line, verb }, note);
      const stopped = runs.length ? [`Stopped: ${runs.join(", ")}.`] : [];
      return { applied, warnings: [...warnings, ...stopped] };
    }
    default:
      throw new Error(`${verb} is not asked for here.`);
  }
}

function TideDialog({
  line,
  note,
  onClose,
  onDone,
}: {
  line: Line;
  note: string;
  onClose: () => void;
  onDone: (bound: number, note: string) => void;
}) {
  const [text, setText] = useState(exact(line.trigger?.bound ?? 86_400));
  const bound = duration(text);
  return (
    <Dialog
      title={`A Tide for ${line.line}`}
      action="Set the Tide"
      disabled={bound === null}
      note={note}
      onClose={onClose}
      onDone={(why) => {
        if (bound !== null) onDone(bound, why);
      }}
    >
      <p>{line.line} and what it reads run whenever its age would pass this bound.</p>
      <label>
        Bound
        <input
          value={text}
          onChange={(event) => setText(event.target.value)}
          aria-invalid={bound === null}
          autoFocus
        />
      </label>
      <p className="hint">
        {bound === null ? "Write a duration: 15m, 6h, 1d, 1h30m." : `At most ${exact(bound)} old.`}
        {line.trigger ? ` It replaces the ${line.trigger.kind === "wave" ? "Wave" : "Tide"}.` : ""}
      </p>
    </Dialog>
  );
}
