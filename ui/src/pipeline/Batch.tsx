import { useState } from "react";
import { inFocus, type Focus } from "../model/filters";
import { refusal, type Verb } from "../model/actions";
import type { Graph } from "../model/lines";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Dialog } from "../parts/Dialog";
import { StateIcon } from "../parts/State";
import { tell } from "../parts/live";
import { carryOutVerb, useMay } from "../pond/Actions";

const VERBS: { verb: Verb; name: string; does: string }[] = [
  {
    verb: "sleep",
    name: "Sleep",
    does: "Each drops its demand and its Wave or Tide. Runs in flight are finished.",
  },
  { verb: "clear", name: "Clear", does: "Each failure is cleared. What is still wanted runs." },
  { verb: "wake", name: "Wake", does: "Each failure is cleared, and each Pond runs once." },
  {
    verb: "kill",
    name: "Kill",
    does: "All their runs are stopped now, and nothing of them is published. They stay down.",
  },
];

/** One action for all Ponds of the lineage in focus, after a look at what it will do. */
export function Batch({ graph, focus }: { graph: Graph; focus: Focus }) {
  const may = useMay();
  const [open, setOpen] = useState(false);
  const [verb, setVerb] = useState<Verb>("sleep");
  const names = inFocus(graph, focus);
  if (!names || !may.canAct || may.readOnly) return null;
  const lines = graph.lines.filter((line) => names.has(line.line));
  const able = lines.filter((line) => !refusal(verb, line, may));
  const chosen = VERBS.find((each) => each.verb === verb);
  const carryOut = async (): Promise<void> => {
    setOpen(false);
    let done = 0;
    for (const line of able) done += Number(await carryOutVerb(verb, line));
    tell(
      done === able.length ? "done" : "refused",
      `${chosen?.name ?? verb}: done for ${done} of ${plural(able.length, "Pond")}.`,
    );
  };
  return (
    <>
      <button type="button" className="small" onClick={() => setOpen(true)}>
        Act on these {lines.length} …
      </button>
      {open && (
        <Dialog
          title={`One action for ${plural(lines.length, "Pond")}`}
          action={`${chosen?.name ?? verb} ${able.length}`}
          danger={verb === "kill" || verb === "sleep"}
          disabled={!able.length}
          onClose={() => setOpen(false)}
          onDone={() => void carryOut()}
        >
          <label>
            Action
            <select value={verb} onChange={(event) => setVerb(event.target.value as Verb)}>
              {VERBS.map((each) => (
                <option key={each.verb} value={each.verb}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
          <p>{chosen?.does}</p>
          <ul className="rows preview" tabIndex={0} aria-label="What it will do">
            {lines.map((line) => {
              const why = refusal(verb, line, may);
              return (
                <li key={line.line}>
                  <StateIcon word={line.status} />
                  <span className="grow">{oneLine(line.line, 60)}</span>
                  <span>
                    {why ||
                      (verb === "kill" && line.runs.length
                        ? `stops ${line.runs.map((run) => run.run).join(", ")}`
                        : chosen?.name.toLowerCase())}
                  </span>
                </li>
              );
            })}
          </ul>
        </Dialog>
      )}
    </>
  );
}
