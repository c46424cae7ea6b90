import { useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import { serverNow } from "../api/status";
import { plural } from "../model/numbers";
import {
  around,
  hasRoom,
  headline,
  matching,
  MOST_STEPS,
  placeIn,
  wantedStep,
  type Held,
} from "../model/replay";
import { oneLine } from "../model/text";
import type { ReplayStep } from "../answers";
import { Empty, Loading, Refused } from "../parts/Empty";
import { useGone } from "../parts/gone";
import { Link } from "../parts/Link";
import { StateIcon } from "../parts/State";
import { Time } from "../parts/Time";
import { go, pondPath, replayPath } from "../router";
import { Between } from "./Between";
import { JournalHint } from "./JournalHint";
import "./past.css";
import { PondTabs } from "./PondTabs";
import { Clock, Step } from "./Step";
import { useReplay } from "./useReplay";

const SPANS = [
  { name: "last hour", hours: 1 },
  { name: "last 6 h", hours: 6 },
  { name: "last 24 h", hours: 24 },
];
const HOUR_MS = 3_600_000;
/** Of a key that is held: browsers allow some 20 addresses a second. */
const APART_MS = 60;
const KEYS: Record<string, number> = { n: 1, ArrowRight: 1, p: -1, ArrowLeft: -1 };

/** What a line was told, commit by commit, what that changed in it, and what it did. */
export default function Replay({ line, query }: { line: string; query: URLSearchParams }) {
  const from = query.get("from") ?? "";
  const until = query.get("until") ?? "";
  const wanted = wantedStep(query.get("step"));
  const { held, fault, busy, more, again } = useReplay(line, from, until, wanted);
  const [words, setWords] = useState("");
  const [listed, setListed] = useState(false); // where there is one column only
  const toggle = useRef<HTMLButtonElement>(null);
  const shown = held ? matching(held.steps, words) : [];
  const at = placeIn(shown, wanted);
  const step = shown[at];
  const span = held ? { from: held.since, until: held.until } : { from, until };
  const show = (to: number): void => {
    const next = shown[to];
    // The times stay in the address as they were answered, so that a link can be kept.
    if (next) go(replayPath(line, { ...span, step: next.revision }), "replace");
  };
  useKeys((by) => show(at + by));
  const choose = (to: number): void => {
    show(to);
    // In one column the list makes room for the step. Elsewhere the button cannot have focus.
    if (listed) toggle.current?.focus();
    setListed(false);
  };
  const pick = (since: string, end: string): void =>
    go(replayPath(line, { from: since, until: end }));
  return (
    <div className="page">
      <div className="page-head">
        <h1>
          Replay of <Link to={pondPath(line)}>{oneLine(line, 60)}</Link>
        </h1>
        <PondTabs line={line} current="replay" at={step?.at ?? null} span={span} />
      </div>
      <div className="moment-row">
        <Between
          key={`${span.from} ${span.until}`}
          since={span.from}
          until={span.until}
          action="Show"
          onPick={pick}
        >
          <div className="segments" role="group" aria-label="How far to look back">
            {SPANS.map(({ name, hours }) => (
              <button
                key={name}
                type="button"
                onClick={() => pick(new Date(serverNow() - hours * HOUR_MS).toISOString(), "")}
              >
                {name}
              </button>
            ))}
          </div>
        </Between>
      </div>
      {fault && <Refused fault={fault} again={held ? more : again} />}
      {!held && busy && <Loading what="the journal" />}
      {held && !held.steps.length && <Nothing line={line} held={held} />}
      {held && held.steps.length > 0 && (
        <div className={`replay ${listed ? "listed" : ""}`}>
          <button
            ref={toggle}
            type="button"
            className="steps-toggle"
            aria-expanded={listed}
            onClick={() => setListed(!listed)}
          >
            {listed ? "Hide the list of steps ▴" : `List of ${stepsWords(held)} ▾`}
          </button>
          <section className="replay-list" aria-label="Steps">
            <Find words={words} onChange={setWords} />
            {shown.length ? (
              <Steps steps={shown} chosen={at} listed={listed} onShow={choose} />
            ) : (
              <p className="hint">No step that is loaded says this.</p>
            )}
            <More held={held} busy={busy} more={more} />
          </section>
          {step && (
            <Step
              key={step.revision}
              line={line}
              step={step}
              before={at > 0 ? (shown[at - 1]?.status ?? null) : null}
              number={at + 1}
              of={shown.length}
              open={held.next !== null}
              onMove={(by) => show(at + by)}
            />
          )}
        </div>
      )}
    </div>
  );
}

/** n and the right arrow: the next step. p and the left one: the step before. */
function useKeys(move: (by: number) => void): void {
  const act = useRef(move);
  act.current = move;
  useEffect(() => {
    let last = 0;
    const press = (event: KeyboardEvent): void => {
      const by = KEYS[event.key];
      const held = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented;
      const typing = (event.target as Element | null)?.closest?.("input, select, textarea, dialog");
      if (by === undefined || held || typing) return;
      event.preventDefault();
      if (event.repeat && event.timeStamp - last < APART_MS) return;
      last = event.timeStamp;
      act.current(by);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

function Find({ words, onChange }: { words: string; onChange: (words: string) => void }) {
  return (
    <label className="find">
      Find
      <input
        type="search"
        value={words}
        placeholder="a Ripple, a sender, failed …"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}

/** Scrolls the list only, and not the page. */
function showIn(list: HTMLElement | null, row: HTMLElement | null): void {
  if (!list || !row) return;
  const [box, place] = [list.getBoundingClientRect(), row.getBoundingClientRect()];
  if (place.top < box.top) list.scrollTop -= box.top - place.top;
  else if (place.bottom > box.bottom) list.scrollTop += place.bottom - box.bottom;
}

function Steps({
  steps,
  chosen,
  listed,
  onShow,
}: {
  steps: ReplayStep[];
  chosen: number;
  listed: boolean;
  onShow: (at: number) => void;
}) {
  const list = useRef<HTMLOListElement>(null);
  const current = useRef<HTMLButtonElement>(null);
  useEffect(() => showIn(list.current, current.current), [chosen, listed]);
  return (
    <ol className="steps" ref={list}>
      {steps.map((step, at) => (
        <li key={step.revision}>
          <button
            ref={at === chosen ? current : undefined}
            type="button"
            className={step.gap ? "step step-gap" : "step"}
            aria-current={at === chosen ? "step" : undefined}
            onClick={() => onShow(at)}
          >
            <StateIcon word={step.status} />
            <Clock at={step.at} />
            <span className="step-words">{headline(step)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

const stepsWords = ({ steps, next }: Held): string =>
  next === null ? plural(steps.length, "step") : `${steps.length}+ steps`;

function More({ held, busy, more }: { held: Held; busy: boolean; more: () => void }) {
  const count = plural(held.steps.length, "step");
  if (held.next === null) return <p className="hint">{count} in all.</p>;
  if (!hasRoom(held))
    return (
      <p className="hint">
        {count}, and there are more. The page holds {MOST_STEPS}: choose a shorter time.
      </p>
    );
  return (
    <p className="hint">
      {count}, and there are more.{" "}
      <button type="button" className="small" disabled={busy} onClick={more}>
        {busy ? "Loading …" : "Load more"}
      </button>
    </p>
  );
}

/** No letter came in that time: the last change that is known may lie before. */
function Nothing({ line, held }: { line: string; held: Held }) {
  return (
    <Empty title="The Pond got no letter between these times.">
      <p>
        From <Time at={held.since} /> to <Time at={held.until} />. Look at a longer time, or at what{" "}
        <Link to={pondPath(line)}>{oneLine(line, 60)}</Link> is now.
      </p>
      <Earlier line={line} held={held} />
      <JournalHint />
    </Empty>
  );
}

/** Its last run is where something happened. It is looked for only by a click. */
function Earlier({ line, held }: { line: string; held: Held }) {
  const [word, setWord] = useState("");
  const gone = useGone();
  const find = async (): Promise<void> => {
    setWord("Looking …");
    try {
      const { runs } = await api.runs({ pond: line, until: held.since, limit: 1 });
      if (gone.current) return; // its reader has gone on, and stays there
      const span = around(runs[0]?.started ?? null, serverNow(), { after: 30 });
      if (span) go(replayPath(line, span));
      else setWord("There is no run before.");
    } catch (error) {
      setWord(oneLine((error as Error).message));
    }
  };
  return (
    <p>
      <button type="button" onClick={() => void find()}>
        Go to the last run before
      </button>{" "}
      <span role="status">{word}</span>
    </p>
  );
}
