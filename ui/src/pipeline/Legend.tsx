import { MODIFIER } from "./pick";

/** What the lines mean, and how Ponds are selected. */
export function Legend({ pickable }: { pickable: boolean }) {
  return (
    <ul className="legend" aria-label="Legend">
      <li>
        <Sample names="edge-base" /> Source to Sink
      </li>
      <li>
        <Sample names="edge-base" optional /> optional
      </li>
      <li>
        <Sample names="edge-demand demand-pull" /> pull
      </li>
      <li>
        <Sample names="edge-demand demand-push" /> push
      </li>
      <li>
        <Sample names="edge-data" /> data
      </li>
      {pickable && (
        <li title="Space on a Pond's name selects it too">
          <kbd>{MODIFIER}</kbd> + click or <kbd>Shift</kbd> + drag: select
        </li>
      )}
    </ul>
  );
}

function Sample({ names, optional }: { names: string; optional?: boolean }) {
  return (
    <svg viewBox="0 0 34 8" aria-hidden="true" className={optional ? "edge-optional" : ""}>
      <path className={names} d="M1 4h32" />
    </svg>
  );
}
