import { memo, useMemo } from "react";
import { bright, inFocus } from "../model/filters";
import { shownName, STATES, type Graph, type Line } from "../model/lines";
import { exact } from "../model/moments";
import { sentences } from "../model/sentences";
import { oneLine } from "../model/text";
import { serverNow } from "../api/status";
import { Link } from "../parts/Link";
import { StateChip } from "../parts/State";
import { Age } from "../parts/Time";
import { pondPath } from "../router";
import { showRootCause } from "./cause";
import { useView } from "./view";

/** The same Ponds as a list, what needs a look first. For phones, keyboards and screen readers. */
export function List({ graph, selected }: { graph: Graph; selected: string | null }) {
  const view = useView();
  const lines = useMemo(() => {
    const focus = inFocus(graph, view.focus);
    const states = bright(graph, view);
    return graph.lines
      .filter((line) => (!focus || focus.has(line.line)) && (!states || states.has(line.line)))
      .filter((line) => !view.lit || view.lit.lines.has(line.line))
      .sort((one, other) => order(one) - order(other) || (one.line < other.line ? -1 : 1));
  }, [graph, view]);
  return (
    <ul className="pond-list" aria-label="Ponds">
      {lines.map((line) => (
        <Item
          key={line.line}
          line={line}
          name={shownName(line, graph)}
          chosen={line.line === selected}
        />
      ))}
    </ul>
  );
}

const order = (line: Line): number => STATES.indexOf(line.status);

const Item = memo(function Item({
  line,
  name,
  chosen,
}: {
  line: Line;
  name: string;
  chosen: boolean;
}) {
  const why = sentences(line, serverNow())[0] ?? "";
  return (
    <li className={chosen ? "chosen" : ""}>
      <div className="item-head">
        <Link
          to={pondPath(line.line)}
          className="item-name"
          aria-current={chosen ? "true" : undefined}
        >
          {oneLine(name, 60)}
        </Link>
        <StateChip word={line.status} />
        {line.trigger && (
          <span className="badge">
            {line.trigger.bound === undefined ? "Wave" : `Tide ${exact(line.trigger.bound)}`}
          </span>
        )}
        <span className="number item-age">
          <Age from={line.agedFrom} />
        </span>
      </div>
      <p>{oneLine(why, 180)}</p>
      {line.status === "blocked" && (
        <button type="button" className="small" onClick={() => showRootCause(line.line)}>
          Go to the root cause
        </button>
      )}
    </li>
  );
});
