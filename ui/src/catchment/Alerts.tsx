import { useState } from "react";
import { useMayChange } from "../api/catchment";
import { operating, type AlertTold } from "../api/operating";
import { useAnswer } from "../api/useAnswer";
import { oneLine } from "../model/text";
import { Dialog } from "../parts/Dialog";
import { Loading, Refused } from "../parts/Empty";
import { focusSoon } from "../parts/focus";
import { tell } from "../parts/live";
import { attempt, inDialog } from "../pond/act";
import { AddAlert } from "./AddAlert";

/** Who is told of failures and of data that is too old. */
export function Alerts() {
  const may = useMayChange();
  const { answer, fault, loading, again } = useAnswer("alerts", (signal) =>
    operating.alerts(signal),
  );
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<AlertTold | null>(null);
  return (
    <>
      <div className="part-head">
        <h2 id="alerts" tabIndex={-1}>
          Alerts
        </h2>
        {may && answer && (
          <button type="button" className="small" onClick={() => setAdding(true)}>
            Add an alert …
          </button>
        )}
      </div>
      {loading && <Loading what="who is told" />}
      {fault?.type === "AccessError" ? (
        <p className="hint">Your credentials may not look at alerts: {oneLine(fault.message)}</p>
      ) : (
        fault && <Refused fault={fault} again={again} />
      )}
      {answer && !answer.alerts.length && (
        <p>Nobody is told of failures, or of data that is too old.</p>
      )}
      {answer && answer.alerts.length > 0 && (
        <ul className="rows">
          {answer.alerts.map((alert) => (
            <Row key={alert.name} alert={alert} may={may} onRemove={() => setRemoving(alert)} />
          ))}
        </ul>
      )}
      {adding && (
        <AddAlert
          onClose={() => {
            setAdding(false);
            again();
          }}
        />
      )}
      {removing && (
        <RemoveDialog
          alert={removing}
          onClose={() => {
            setRemoving(null);
            again();
          }}
        />
      )}
    </>
  );
}

function Row({ alert, may, onRemove }: { alert: AlertTold; may: boolean; onRemove: () => void }) {
  const name = oneLine(alert.name, 40);
  return (
    <li className="alert-row">
      <span className="grow">
        <strong>{name}</strong>: {oneLine(alert.kind, 20)} {oneLine(alert.to, 120)}
        <span className="under">
          told of {oneLine(alert.on.join(", ")) || "nothing that can be read"}
          {alert.ponds.length > 0 && ` of ${oneLine(alert.ponds.join(", "), 400)}`}
        </span>
        {alert.state !== "on" && <span className="under older">{oneLine(alert.state, 80)}</span>}
      </span>
      {may && (
        <div className="buttons">
          <Test name={alert.name} />
          <button
            type="button"
            className="small"
            aria-label={`Remove alert ${name} …`}
            onClick={onRemove}
          >
            Remove …
          </button>
        </div>
      )}
    </li>
  );
}

/** Sends an alert that says that nothing has happened. It takes some seconds. */
function Test({ name }: { name: string }) {
  const [busy, setBusy] = useState(false);
  const send = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    let error: string | null = null;
    const became = await attempt("", async () => {
      error = (await operating.testAlert(name)).error;
      return {};
    });
    if (!became.done) tell("refused", became.words, became.hint);
    else if (error) tell("refused", `The test of ${name} was not delivered: ${String(error)}`);
    else tell("done", `A test is on its way to ${name}: nothing came back within 5 s. Look there.`);
    setBusy(false);
  };
  return (
    <button
      type="button"
      className="small"
      aria-label={`Test alert ${oneLine(name, 40)}`}
      aria-disabled={busy || undefined}
      onClick={() => void send()}
    >
      {busy ? "Sending …" : "Test"}
    </button>
  );
}

function RemoveDialog({ alert, onClose }: { alert: AlertTold; onClose: () => void }) {
  return (
    <Dialog
      title={`Remove alert ${oneLine(alert.name, 40)}?`}
      action="Remove"
      danger
      note={null}
      onClose={onClose}
      onDone={() =>
        inDialog(
          `Alert ${alert.name} is removed.`,
          async () => {
            await operating.removeAlert(alert.name);
            return {};
          },
          () => {
            onClose();
            focusSoon("#alerts");
          },
        )
      }
    >
      <p>
        {oneLine(alert.kind, 20)} {oneLine(alert.to, 120)} gets no alerts any more.
      </p>
    </Dialog>
  );
}
