/** What the lines mean. */
export function Legend() {
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
