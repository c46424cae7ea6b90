import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import {
  ageAt,
  ceiling,
  historyOf,
  marks,
  oldest,
  shareWords,
  stretches,
  type Failure,
  type Mark,
  type Span,
  type Stretch,
} from "../model/freshness";
import { allowedAt, allowedOf, type Allowed } from "../model/bounds";
import type { Line } from "../model/lines";
import { brief, localTime, utcTime } from "../model/moments";
import { plural } from "../model/numbers";
import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { StateIcon } from "../parts/State";
import { Age, Time } from "../parts/Time";
import { go, pondPath, runPath, whyPath } from "../router";
import { Ages, Axis, BOTTOM, clampTo, HEIGHT, Labels, LEFT, MARKS, PLOT, TOP } from "./AgePlot";
import { useRunHistory } from "./history";

const MARK_GAP = 14;
const STEPS = 48;

/** One Outlet: its age over time as a picture, and the same in words. */
export function FreshnessChart({ line, span }: { line: Line; span: Span }) {
  const held = useRunHistory(line);
  const history = useMemo(
    () =>
      held
        ? historyOf(held.runs, { line, now: span.end, since: held.since })
        : { publications: [], failures: [] },
    [held, line, span.end],
  );
  const bounds = useMemo(
    () => allowedOf(line, { start: span.start, end: span.end }),
    [line, span.start, span.end],
  );
  const known = useMemo(
    () => stretches(history.publications, span.start, span.end),
    [history, span.start, span.end],
  );
  const failures = history.failures.filter((one) => one.at >= span.start);
  return (
    <li className="chart">
      <div className="chart-head">
        <StateIcon word={line.status} />
        <Link to={pondPath(line.line)} className="grow">
          {oneLine(line.line, 60)}
        </Link>
        <span className="number">
          <b>
            <Age from={line.agedFrom} never="never published" />
          </b>
          {line.agedFrom !== null && " old now"}
        </span>
      </div>
      {line.agedFrom === null ? (
        <p className="hint">Nothing has been published yet, so there is no age.</p>
      ) : !held ? (
        <p className="chart-wait" role="status">
          <span className="bar" aria-hidden="true" />
          Loading its runs …
        </p>
      ) : (
        <>
          <Picture name={line.line} bounds={bounds} span={span} known={known} failures={failures} />
          <p>
            {shareWords(known, bounds[0], span)} <Passes line={line} />{" "}
            <Failed failures={failures} />
          </p>
          <p className="unseen">{facts(known, span)}</p>
        </>
      )}
      {held?.fault && (
        <p className="hint" role="alert">
          Its runs could not be loaded: {oneLine(held.fault.message)}
        </p>
      )}
    </li>
  );
}

/** When its bound passes, as things are. */
function Passes({ line: { bound } }: { line: Line }) {
  if (!bound?.declared || (!bound.due && !bound.stale)) return null;
  return bound.stale ? (
    <>
      Its data passed its bound at <Time at={bound.stale} />.
    </>
  ) : (
    <>
      Will pass its bound at <Time at={bound.due} />, unless something newer is published.
    </>
  );
}

function Failed({ failures }: { failures: Failure[] }) {
  const last = failures[failures.length - 1];
  if (!last) return null;
  return (
    <>
      {plural(failures.length, "run")} failed{failures.length > 1 ? ", the last was " : ": "}
      <Link to={runPath(last.run)}>{oneLine(last.run, 60)}</Link>.
    </>
  );
}

/** For who cannot see the picture: what it shows beside the words below it. */
function facts(known: Stretch[], span: Span): string {
  const published = known.filter((one) => one.start > span.start).length;
  return (
    `In the last ${span.name} it became fresher ${published === 1 ? "once" : `${published} times`}, ` +
    `and was at most ${brief(oldest(known))} old.`
  );
}

interface PictureProps {
  name: string;
  bounds: Allowed[];
  span: Span;
  known: Stretch[];
  failures: Failure[];
}

function Picture({ name, bounds, span, known, failures }: PictureProps) {
  const { element, width } = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const whole = span.end - span.start;
  const bound = bounds[0];
  const top = ceiling(
    known,
    bounds.flatMap((each) => each.edges),
  );
  const plot = width - LEFT;
  const x = (moment: number): number => LEFT + ((moment - span.start) / whole) * plot;
  const y = (seconds: number): number => BOTTOM - (seconds / top) * PLOT;
  const all = marks(failures, span, (MARK_GAP / plot) * whole);
  const moment = at === null ? null : Math.min(Math.max(at, span.start), span.end);
  const said = wordsAt(moment ?? span.end, known, bound);

  const point = (event: PointerEvent<HTMLDivElement>): void => {
    const left = event.currentTarget.getBoundingClientRect().left + LEFT;
    setAt(span.start + ((event.clientX - left) / plot) * whole);
  };
  const explain = (): void => go(whyPath(name, Math.round(moment ?? span.end)));
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter") explain();
    const now = moment ?? span.end;
    const next = {
      ArrowLeft: now - whole / STEPS,
      ArrowRight: now + whole / STEPS,
      Home: span.start,
      End: span.end,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setAt(Math.min(Math.max(next, span.start), span.end));
  };

  return (
    <div
      ref={element}
      className="picture"
      role="slider"
      tabIndex={0}
      aria-label={`Moment to look at, age of ${name}. Enter: why then`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round((((moment ?? span.end) - span.start) / whole) * 100)}
      aria-valuetext={`${localTime(moment ?? span.end)}: ${said.age}${said.over ? `, older than ${said.over}` : ""}`}
      onPointerMove={point}
      onPointerDown={point}
      onPointerUp={(event) => {
        // A finger only looks: it has no other way to.
        if (event.pointerType === "mouse" && event.button === 0) explain();
      }}
      onPointerLeave={() => setAt(null)}
      onFocus={() => setAt((old) => old ?? span.end)}
      onBlur={() => setAt(null)}
      onKeyDown={press}
    >
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
        <Axis span={span} x={x} width={width} />
        <Ages known={known} edges={bound?.edges ?? []} x={x} y={y} width={width} />
        <Labels bounds={bounds} top={top} x={x} y={y} />
        {all.map((mark) => (
          <path
            key={mark.at}
            className="age-mark"
            transform={`translate(${clampTo(x(mark.at), LEFT + 6, width - 6)} ${MARKS})`}
            d="M-4-4 4 4M4-4-4 4"
          />
        ))}
        {moment !== null && (
          <g className="age-here">
            <path d={`M${x(moment)} ${TOP}V${BOTTOM}`} />
            {said.seconds !== null && <circle cx={x(moment)} cy={y(said.seconds)} r="4.5" />}
          </g>
        )}
      </svg>
      {moment !== null && (
        <Tip
          moment={moment}
          left={x(moment) / width}
          said={said}
          failed={all.find((mark) => Math.abs(x(mark.at) - x(moment)) < MARK_GAP / 2)}
        />
      )}
    </div>
  );
}

interface Said {
  seconds: number | null;
  age: string;
  /** What it is older than; empty: it is young enough. */
  over: string;
}

function wordsAt(moment: number, known: Stretch[], bound: Allowed | undefined): Said {
  const seconds = ageAt(known, moment);
  const allowed = bound ? allowedAt(bound.edges, moment) : null;
  return {
    seconds,
    age: seconds === null ? "not known" : `${brief(seconds)} old`,
    over: seconds !== null && allowed !== null && seconds > allowed ? `its ${bound?.word}` : "",
  };
}

function Tip({
  moment,
  left,
  said,
  failed,
}: {
  moment: number;
  left: number;
  said: Said;
  failed: Mark | undefined;
}) {
  return (
    <div
      className={`tip ${left > 0.5 ? "tip-left" : ""}`}
      style={{ left: `${left * 100}%` }}
      aria-hidden="true"
    >
      <b>{said.age}</b>
      {said.over && <span className="tip-over">older than {said.over}</span>}
      <span title={utcTime(moment)}>{localTime(moment)}</span>
      <span className="tip-why">Click: why then</span>
      {failed && (
        <span className="tip-over">
          ✕{" "}
          {failed.failures.length > 1 ? `${failed.failures.length} runs` : failed.failures[0]?.run}{" "}
          failed
        </span>
      )}
    </div>
  );
}

/** Texts and marks of a picture must not be stretched, so it is drawn as wide as it is. */
function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(400);
  useEffect(() => {
    const box = element.current;
    if (!box) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.max(160, box.clientWidth)));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return { element, width };
}
