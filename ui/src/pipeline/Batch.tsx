import { useRef, useState } from "react";
import { useMayChange } from "../api/catchment";
import { BATCH_VERBS, planned, summary, type Planned, type Result } from "../model/batch";
import type { Verb } from "../model/actions";
import type { Line } from "../model/lines";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Dialog } from "../parts/Dialog";
import { useGone } from "../parts/gone";
import { StateIcon } from "../parts/State";
import { tell } from "../parts/live";
import { attemptVerb, useMay } from "../pond/Actions";

/** One action for all Ponds that a lineage or tags have left, after a look at what it will do. */
export function BatchOf({ lines }: { lines: Line[] }) {
  const may = useMayChange();
  const [open, setOpen] = useState(false);
  if (!lines.length || !may) return null;
  return (
    <>
      <button type="button" className="small" onClick={() => setOpen(true)}>
        Act on these {lines.length} …
      </button>
      {open && <BatchDialog lines={lines} first="sleep" onClose={() => setOpen(false)} />}
    </>
  );
}

interface Props {
  lines: Line[];
  first: Verb;
  onClose: () => void;
}

/** Shows what the action will do to each, does it, and stays open if something was refused. */
export function BatchDialog({ lines, first, onClose }: Props) {
  const may = useMay();
  const [verb, setVerb] = useState(first);
  const [began, setBegan] = useState<Planned[] | null>(null);
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map());
  // What was not asked for when the dialog is closed, is not asked for.
  const closed = useGone();
  const list = useRef<HTMLUListElement>(null);
  const chosen = BATCH_VERBS.find((each) => each.verb === verb) ?? BATCH_VERBS[0]!;
  const plan = began ?? planned(verb, lines, may);
  const able = plan.filter((one) => !one.refused);
  const over = began !== null && results.size === able.length;

  const carryOut = async (note: string): Promise<void> => {
    setBegan(plan);
    // The button that has the focus goes away.
    list.current?.focus();
    const all: Result[] = [];
    for (const { line } of able) {
      const result = closed.current
        ? ({ how: "left", words: "" } as const)
        : await resultOf(verb, line, note);
      all.push(result);
      setResults((old) => new Map(old).set(line.line, result));
    }
    const good = all.every((one) => one.how === "done");
    if (good || closed.current) tell(good ? "done" : "warning", summary(chosen.name, all));
    if (good && !closed.current) onClose();
  };

  return (
    <Dialog
      title={
        over
          ? summary(chosen.name, [...results.values()])
          : `One action for ${plural(lines.length, "Pond")}`
      }
      action={over ? "" : `${chosen.name} ${able.length}`}
      leave={over ? "Close" : began ? "Stop" : "Cancel"}
      danger={chosen.danger ?? false}
      disabled={!able.length || began !== null}
      note={began ? null : ""}
      onClose={onClose}
      onDone={(note) => void carryOut(note)}
    >
      {!began && (
        <>
          <label>
            Action
            <select value={verb} onChange={(event) => setVerb(event.target.value as Verb)}>
              {BATCH_VERBS.map((each) => (
                <option key={each.verb} value={each.verb}>
                  {each.name}
                </option>
              ))}
            </select>
          </label>
          <p>{chosen.does}</p>
        </>
      )}
      {began && !over && (
        <p role="status">
          {chosen.name}: {results.size} of {able.length} …
        </p>
      )}
      <ul
        ref={list}
        className="rows preview"
        tabIndex={0}
        aria-label={began ? "What became of it" : "What it will do"}
      >
        {plan.map((one) => (
          <Row
            key={one.line.line}
            planned={one}
            began={began !== null}
            result={results.get(one.line.line)}
          />
        ))}
      </ul>
    </Dialog>
  );
}

async function resultOf(verb: Verb, line: Line, note: string): Promise<Result> {
  const became = await attemptVerb(verb, line, note);
  if (!became.done) return { how: "refused", words: became.words, hint: became.hint };
  return { how: "done", words: [became.words, ...became.warnings].join(" ") };
}

interface RowProps {
  planned: Planned;
  began: boolean;
  result: Result | undefined;
}

function Row({ planned: { line, refused, words }, began, result }: RowProps) {
  const name = <span className="preview-name">{oneLine(line.line, 60)}</span>;
  if (refused) {
    return (
      <li className="preview-off">
        <StateIcon word={line.status} />
        {name}
        <span className="grow">
          {began ? "left out: " : "not this one: "}
          {refused}
        </span>
      </li>
    );
  }
  if (!result) {
    return (
      <li>
        <StateIcon word={began ? "pending" : line.status} />
        {name}
        <span className="grow">{began ? "…" : words}</span>
      </li>
    );
  }
  return (
    <li className={`result-${result.how}`}>
      <StateIcon word={result.how === "done" ? "success" : "failed"} />
      {name}
      <span className="grow">
        <b>{result.how === "done" ? "Done" : "Refused"}:</b> {oneLine(result.words)}
        {result.how === "refused" && result.hint && (
          <span className="under">{oneLine(result.hint)}</span>
        )}
      </span>
    </li>
  );
}
