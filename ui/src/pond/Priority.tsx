import { useState } from "react";
import { useMayChange } from "../api/catchment";
import { operating } from "../api/operating";
import { useGraph } from "../api/status";
import {
  limitWords,
  MOST_PRIORITY,
  priorityFault,
  sharesOf,
  USUAL_PRIORITY,
  type Share,
} from "../model/limits";
import type { Line } from "../model/lines";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Dialog } from "../parts/Dialog";
import { Link } from "../parts/Link";
import { inDialog } from "./act";

/** The limits that a Pond's Ripples use, and which Pond gets a token first. */
export function Priority({ line }: { line: Line }) {
  const may = useMayChange();
  const graph = useGraph();
  const [editing, setEditing] = useState(false);
  const shares = graph ? sharesOf(graph, line) : [];
  const priority = line.priority ?? USUAL_PRIORITY;
  return (
    <>
      {shares.length > 0 && (
        <ul className="rows">
          {shares.map((share) => (
            <Row key={share.limit} share={share} />
          ))}
        </ul>
      )}
      <p>
        Priority {priority}
        {priority === USUAL_PRIORITY ? ", the usual one" : ` (usually ${USUAL_PRIORITY})`}.
        {!shares.length && " None of its Ripples uses a limit."}
      </p>
      {may && (
        <button type="button" className="small" onClick={() => setEditing(true)}>
          Set its priority …
        </button>
      )}
      {editing && <PriorityDialog line={line} onClose={() => setEditing(false)} />}
    </>
  );
}

function Row({ share }: { share: Share }) {
  const own = [
    share.holds ? `this Pond has ${plural(share.holds, "token")}` : "",
    share.place === null ? "" : share.place === 1 ? "is next" : `waits at place ${share.place}`,
  ].filter(Boolean);
  return (
    <li>
      <span className="grow">
        <Link to="/catchment#limits">{oneLine(share.limit, 60)}</Link>
        <span className="under">
          {[share.told ? limitWords(share.told) : "no number is set", ...own].join("; ")}
        </span>
      </span>
    </li>
  );
}

function PriorityDialog({ line, onClose }: { line: Line; onClose: () => void }) {
  const [text, setText] = useState(String(line.priority ?? USUAL_PRIORITY));
  const fault = priorityFault(text);
  const save = (note: string) =>
    inDialog(
      `The priority of ${line.line} is ${text.trim()}.`,
      () => operating.priority(line.line, Number(text), note),
      onClose,
    );
  return (
    <Dialog
      title={`Priority of ${line.line} at limits`}
      action="Save"
      disabled={fault !== ""}
      onClose={onClose}
      onDone={save}
    >
      <label>
        Priority
        <input
          inputMode="numeric"
          value={text}
          aria-invalid={fault !== ""}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <p className="hint">
        {fault ||
          `0 to ${MOST_PRIORITY}: of those that wait for a token, the highest is first. Usually ${USUAL_PRIORITY}.`}
      </p>
    </Dialog>
  );
}
