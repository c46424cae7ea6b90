import { memo, useMemo } from "react";
import { bright, inFocus } from "../model/filters";
import { shownName, STATES, type Graph, type Line } from "../model/lines";
import { exact } from "../model/moments";
import { plural } from "../model/numbers";
import { allShown, howMany, type Picked } from "../model/selection";
import { sentences } from "../model/sentences";
import { tagTexts } from "../model/tags";
import { oneLine } from "../model/text";
import { serverNow } from "../api/status";
import { Link } from "../parts/Link";
import { StateChip } from "../parts/State";
import { Age } from "../parts/Time";
import { pondPath } from "../router";
import { showRootCause } from "./cause";
import { usePickable } from "./pick";
import { Selection } from "./Selection";
import { setView, togglePicked, useView } from "./view";

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
  const pickable = usePickable();
  return (
    <div className="pond-list">
      {pickable && (
        <div className="list-head">
          <SelectAll shown={lines.map((line) => line.line)} picked={view.picked} />
          <Selection graph={graph} />
        </div>
      )}
      {!lines.length && <p>No Pond is like this.</p>}
      <ul aria-label="Ponds">
        {lines.map((line) => (
          <Item
            key={line.line}
            line={line}
            name={shownName(line, graph)}
            chosen={line.line === selected}
            picked={pickable ? view.picked.has(line.line) : null}
          />
        ))}
      </ul>
    </div>
  );
}

function SelectAll({ shown, picked }: { shown: string[]; picked: Picked }) {
  const how = howMany(picked, shown);
  return (
    <label className="check-all">
      <input
        type="checkbox"
        checked={how === "all"}
        disabled={!shown.length}
        ref={(box) => {
          if (box) box.indeterminate = how === "some";
        }}
        onChange={() => setView({ picked: allShown(picked, shown) })}
      />
      Select all {shown.length} shown
    </label>
  );
}

const order = (line: Line): number => STATES.indexOf(line.status);

const Item = memo(function Item({
  line,
  name,
  chosen,
  picked,
}: {
  line: Line;
  name: string;
  chosen: boolean;
  /** Null: nothing may be done, so nothing is picked. */
  picked: boolean | null;
}) {
  const why = sentences(line, serverNow())[0] ?? "";
  return (
    <li className={`${chosen ? "chosen" : ""} ${picked ? "picked" : ""}`}>
      <div className="item-head">
        {picked !== null && (
          <input
            type="checkbox"
            checked={picked}
            aria-label={`Select ${line.line}`}
            onChange={() => togglePicked(line.line)}
          />
        )}
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
        {!!line.backlog && <span className="badge">{plural(line.backlog, "object")} waiting</span>}
        {tagTexts(line.tags).map((tag) => (
          <span key={tag} className="badge badge-tag">
            {oneLine(tag, 60)}
          </span>
        ))}
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
