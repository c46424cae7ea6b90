import { useCatchment } from "../api/catchment";
import { useConnection, useGraph, type Connection } from "../api/status";
import { countsOf } from "../model/filters";
import { looksOnly } from "../model/actions";
import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { StateIcon } from "../parts/State";
import type { Route } from "../router";
import { Search } from "./Search";
import { changeTheme, useTheme } from "./theme";

const VIEWS: { view: Route["view"]; also?: Route["view"][]; path: string; name: string }[] = [
  { view: "pipeline", also: ["why", "replay"], path: "/", name: "Pipeline" },
  { view: "runs", also: ["run"], path: "/runs", name: "Runs" },
  { view: "data", path: "/data", name: "Data" },
  { view: "catchment", also: ["changes"], path: "/catchment", name: "Catchment" },
];

export function Header({ view }: { view: Route["view"] }) {
  const catchment = useCatchment();
  return (
    <header className="header">
      <div className="brand">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <div className="brand-words">
          <strong>{catchment ? oneLine(catchment.name) : "Duckstring"}</strong>
          {catchment && (
            <span title={oneLine(catchment.where)}>
              {catchment.kind === "aws" ? "AWS" : "local"} · {oneLine(catchment.where, 60)}
            </span>
          )}
        </div>
      </div>
      <nav aria-label="Views">
        {VIEWS.map(({ view: each, also, path, name }) => (
          <Link
            key={each}
            to={path}
            aria-current={view === each || also?.includes(view) ? "page" : undefined}
          >
            {name}
          </Link>
        ))}
      </nav>
      <Search />
      <div className="header-end">
        {view !== "pipeline" && <Troubles />}
        {catchment && looksOnly(catchment) && (
          <span className="badge badge-strong" title={looksOnly(catchment)}>
            read-only
          </span>
        )}
        <ConnectionMark />
        <ThemeSwitch />
      </div>
    </header>
  );
}

/** How many lines are failed, killed or blocked, wherever the reader is. */
function Troubles() {
  const graph = useGraph();
  if (!graph) return null;
  const counts = countsOf(graph);
  return (
    <>
      {(["failed", "killed", "blocked"] as const).map((state) => {
        const number = counts.get(state) ?? 0;
        return number ? (
          <Link
            key={state}
            to={`/?state=${state}`}
            className={`chip state-${state}`}
            aria-label={`${number} ${state}: show them`}
            title={`${number} ${state}`}
          >
            <StateIcon word={state} />
            {number}
          </Link>
        ) : null;
      })}
    </>
  );
}

const CONNECTION: Record<Connection, string> = {
  connecting: "connecting",
  live: "live",
  paused: "paused",
  lost: "no connection",
};

function ConnectionMark() {
  const connection = useConnection();
  return (
    <span className={`connection connection-${connection}`} role="status">
      <i aria-hidden="true" />
      {CONNECTION[connection]}
    </span>
  );
}

function ThemeSwitch() {
  const theme = useTheme();
  return (
    <button
      type="button"
      className="plain theme"
      onClick={changeTheme}
      aria-label={`Colours: ${theme}. Change.`}
      title={`Colours: ${theme}`}
    >
      <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
        <circle cx="8" cy="8" r="6" />
        <path
          d={
            theme === "light"
              ? "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5"
              : theme === "dark"
                ? "M8 2a6 6 0 0 0 0 12 6 6 0 0 0 0-12"
                : "M8 2a6 6 0 0 0 0 12z"
          }
          className="solid"
        />
      </svg>
      <span className="theme-word">{theme}</span>
    </button>
  );
}
