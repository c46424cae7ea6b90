import { useCatchment } from "../api/catchment";
import { useConnection, useGraph, useStatusFault } from "../api/status";
import { oneLine } from "../model/text";
import { Linked } from "../parts/Text";
import { Time } from "../parts/Time";

/** Says that what is shown may be old, and what to do. */
export function Lost() {
  const connection = useConnection();
  const fault = useStatusFault();
  const graph = useGraph();
  const catchment = useCatchment();
  if (connection !== "lost" || !fault) return null;
  const name = catchment ? oneLine(catchment.name, 40) : "NAME";
  const hint =
    fault.type === "NoAnswer"
      ? `The page ends with its Catchment. Start both: duckstring catchment start ${name}, then duckstring ui --background -c ${name}`
      : fault.hint;
  return (
    <div className="lost" role="alert">
      <p>
        <b>
          <Linked text={fault.message} />
        </b>{" "}
        {graph && (
          <>
            What you see is as of <Time at={graph.now} />.
          </>
        )}
      </p>
      {hint && (
        <p className="hint">
          <Linked text={hint} />
        </p>
      )}
    </div>
  );
}
