import { Fragment, useEffect, useRef, type ReactNode } from "react";
import { api } from "../api/client";
import { rememberTables } from "../api/catchment";
import { useGraph, useLine } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import type { LineDetail } from "../api/shapes";
import { missedFor } from "../model/ahead";
import { demandWords } from "../model/demand";
import type { Line } from "../model/lines";
import { countdown, exact, instant } from "../model/moments";
import { count } from "../model/numbers";
import { sentences } from "../model/sentences";
import { oneLine } from "../model/text";
import { useNow } from "../parts/clock";
import { Empty, Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { StateChip, StateIcon } from "../parts/State";
import { Linked, Verbatim, Words } from "../parts/Text";
import { Age, Time } from "../parts/Time";
import { PondChanges } from "../past/Latest";
import { PondTabs } from "../past/PondTabs";
import { showRootCause } from "../pipeline/cause";
import { go, pondPath, runPath, whyPath } from "../router";
import { Warnings } from "../runs/Checks";
import { Actions } from "./Actions";
import { Arrivals } from "./Arrivals";
import { Bound } from "./Bound";
import { Cost } from "./Cost";
import { Priority } from "./Priority";
import { Budgets, Ripples } from "./Settings";
import { Tables } from "./Tables";
import { Tags } from "./Tags";
import { Windows } from "./Windows";

/** Everything about one line, its reason first. */
export function Panel({ name }: { name: string }) {
  const line = useLine(name);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useEscape(() => go("/"));
  useFocusBack(name);
  return (
    <aside className="panel" aria-label={`Pond ${name}`}>
      <div className="panel-head">
        <h1 ref={heading} tabIndex={-1}>
          {line ? (
            <>
              {oneLine(line.pond, 60)}
              <small>@{line.major}</small>
            </>
          ) : (
            oneLine(name, 80)
          )}
        </h1>
        {line && <StateChip word={line.status} />}
        <button
          type="button"
          className="plain close"
          aria-label="Close the panel"
          onClick={() => go("/")}
        >
          ✕
        </button>
      </div>
      {line ? (
        <Body line={line} />
      ) : (
        <Empty title={`${oneLine(name, 80)} is not a line of this Catchment.`}>
          <p>It may have been removed, or its name is misspelt.</p>
        </Empty>
      )}
    </aside>
  );
}

/** Wherever focus is: a button that was pressed and is now disabled has lost it. */
/** Once the panel is closed, focus goes to its Pond. */
function useFocusBack(name: string): void {
  useEffect(
    () => () => {
      requestAnimationFrame(() => {
        if (document.activeElement !== document.body || document.querySelector(".panel")) return;
        const pond = document.querySelector<HTMLElement>(`#main a[href="${pondPath(name)}"]`);
        pond?.focus({ preventScroll: true });
      });
    },
    [name],
  );
}

function useEscape(act: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (!document.querySelector("dialog[open]")) act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
}

function Body({ line }: { line: Line }) {
  const detail = useAnswer(
    `${line.line} ${line.last_run?.run ?? ""} ${line.last_run?.status ?? ""} ${line.end_f} ${line.version ?? ""}`,
    (signal) => api.line(line.line, signal),
  );
  const tables = detail.answer?.tables;
  useEffect(() => {
    if (tables)
      rememberTables(
        line.line,
        tables.tables.map((table) => table.table),
      );
  }, [line.line, tables]);
  return (
    <div className="panel-body">
      <PondTabs line={line.line} current="pond" />
      <Reason line={line} />
      <Actions line={line} />
      <Facts line={line} />
      {line.sources.length > 0 && (
        <Part title="Sources">
          <Sources line={line} />
        </Part>
      )}
      {line.sinks.length > 0 && (
        <Part title="Sinks">
          <Sinks line={line} />
        </Part>
      )}
      {line.ripples.length > 0 && (
        <Part title="Ripples">
          <Ripples line={line} />
        </Part>
      )}
      {!line.sources.length && line.status !== "undeployed" && (
        <Part title="Windows">
          <Windows line={line} />
        </Part>
      )}
      {line.status !== "undeployed" && (
        <>
          <Part title="Bound">
            <Bound line={line} />
          </Part>
          <Part title="Retry budgets">
            <Budgets line={line} />
          </Part>
          <Part title="Limits and priority">
            <Priority line={line} />
          </Part>
          <Part title="Tags">
            <Tags line={line} />
          </Part>
          <Part title="Cost">
            <Cost line={line.line} />
          </Part>
        </>
      )}
      <Part title="Changes">
        <PondChanges pond={line.pond} />
      </Part>
      {detail.fault && <Refused fault={detail.fault} again={detail.again} />}
      {detail.loading && !detail.answer && line.status !== "undeployed" && (
        <Loading what="runs and tables" />
      )}
      {detail.answer && <More line={line} detail={detail.answer} />}
    </div>
  );
}

function Reason({ line }: { line: Line }) {
  const now = useNow();
  const graph = useGraph();
  const missed = graph && missedFor(graph, line);
  const failed = line.failure;
  return (
    <section className={`reason reason-${line.status}`} aria-label="Why">
      {sentences(line, now).map((text) => (
        <p key={text.replace(/\d+/g, "")}>
          <Linked text={text} />
        </p>
      ))}
      {missed && (
        <p>
          {oneLine(missed.inlet, 60)} opens only {countdown(missed.at, now)}: the Tide is missed
          until then.
        </p>
      )}
      {failed && (failed.message.includes("\n") || failed.message.length > 250) && (
        <Verbatim text={failed.message} label="The error" />
      )}
      <div className="buttons">
        {(line.status === "blocked" ||
          (line.status === "waiting" &&
            line.sources.some((source) => source.down || source.absent))) && (
          <button type="button" className="primary" onClick={() => showRootCause(line.line)}>
            Go to the root cause
          </button>
        )}
        {failed?.run && (
          <Link className="button primary" to={runPath(failed.run)}>
            See the error of {failed.run}
          </Link>
        )}
        {line.runs.map((run) => (
          <Link key={run.run} className="button primary" to={runPath(run.run)}>
            Watch {run.run}
          </Link>
        ))}
        <Link className="button" to={whyPath(line.line)}>
          Why, and what would change it
        </Link>
      </div>
    </section>
  );
}

function Facts({ line }: { line: Line }) {
  const asked = demandWords(line.demand);
  return (
    <dl className="facts">
      <dt>Age</dt>
      <dd>
        <Age from={line.agedFrom} />
        {line.agedFrom !== null && (
          <>
            , fresh as of <Time at={line.end_f} />
          </>
        )}
      </dd>
      <dt>Demand</dt>
      <dd>
        {asked || "none"}
        {line.demand.targets.map((target) => (
          <span key={target}>
            , to be fresh as of <Time at={target} />
          </span>
        ))}
      </dd>
      <dt>Trigger</dt>
      <dd>
        {line.trigger
          ? line.trigger.bound === undefined
            ? "Wave: as fresh as possible"
            : `Tide: at most ${exact(line.trigger.bound)} old`
          : "none of its own"}
      </dd>
      <dt>Version</dt>
      <dd>
        {line.version ?? "not deployed"}
        {line.next &&
          `, then ${line.next.version}${line.next.waits_for.length ? `, which waits for ${line.next.waits_for.join(", ")}` : ""}`}
      </dd>
      <Majors line={line} />
      {line.tables > 0 && (
        <>
          <dt>Published</dt>
          <dd>
            {count(line.tables)} {line.tables === 1 ? "table" : "tables"}, {count(line.rows)} rows
          </dd>
        </>
      )}
      <Warnings warnings={line.warnings} />
    </dl>
  );
}

/** The other majors of the Pond, which run side by side. */
function Majors({ line }: { line: Line }) {
  const graph = useGraph();
  const others = graph?.lines.filter(
    (each) => each.pond === line.pond && each.line !== line.line && each.version !== null,
  );
  if (!others?.length) return null;
  return (
    <>
      <dt>{others.length === 1 ? "Other major" : "Other majors"}</dt>
      <dd>
        {others.map((each, at) => (
          <Fragment key={each.line}>
            {at > 0 && ", "}
            <Link to={pondPath(each.line)}>{oneLine(each.line, 60)}</Link>, version{" "}
            {oneLine(each.version ?? "", 24)}
          </Fragment>
        ))}
      </dd>
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="part">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Neighbour({ name, note }: { name: string; note?: string }) {
  const graph = useGraph();
  const other = graph?.byName.get(name);
  return (
    <li>
      <StateIcon word={other?.status ?? "undeployed"} />
      <span className="grow">
        <Link to={pondPath(name)}>
          <Words text={name} />
        </Link>
        {note && <span className="under">{note}</span>}
      </span>
      <span>{other?.status ?? "not deployed"}</span>
      <span className="number">
        <Age from={other?.agedFrom ?? null} never="never" />
      </span>
    </li>
  );
}

function Sources({ line }: { line: Line }) {
  return (
    <ul className="rows">
      {line.sources.map((source) => (
        <Neighbour
          key={source.line}
          name={source.line}
          note={[
            source.optional ? "optional" : "",
            source.absent ? "has published nothing" : source.down ? "down" : "",
          ]
            .filter(Boolean)
            .join(", ")}
        />
      ))}
    </ul>
  );
}

const Sinks = ({ line }: { line: Line }) => (
  <ul className="rows">
    {line.sinks.map((sink) => (
      <Neighbour key={sink} name={sink} />
    ))}
  </ul>
);

function More({ line, detail }: { line: Line; detail: LineDetail }) {
  return (
    <>
      {detail.tables && (
        <Part title="Tables and contract">
          <Tables line={line.line} major={line.major} told={detail.tables} />
        </Part>
      )}
      {(detail.arrivals.length > 0 || !!line.backlog) && (
        <Part title="Arrivals">
          <Arrivals line={line} rules={detail.arrivals} />
        </Part>
      )}
      <Part title="Last runs">
        {detail.runs.length ? (
          <>
            <ul className="rows">
              {detail.runs.slice(0, 8).map((run) => (
                <li key={run.run}>
                  <StateIcon word={run.status} />
                  <span className="grow">
                    <Link to={runPath(run.run)}>
                      <Words text={run.run} />
                    </Link>
                  </span>
                  <span>{run.status}</span>
                  <span className="number">
                    <Time at={instant(run.started)} />
                  </span>
                </li>
              ))}
            </ul>
            <Link to={`/runs?pond=${encodeURIComponent(line.pond)}`}>
              All runs of {oneLine(line.pond, 60)}
            </Link>
          </>
        ) : (
          <p>It has never run.</p>
        )}
      </Part>
    </>
  );
}
