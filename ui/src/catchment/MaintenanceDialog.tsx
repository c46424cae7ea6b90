import { operating } from "../api/operating";
import { holding } from "../model/holding";
import type { Graph } from "../model/lines";
import { plural } from "../model/numbers";
import { Dialog } from "../parts/Dialog";
import { focusSoon } from "../parts/focus";
import { inDialog } from "../pond/act";

const SWITCH = '[role="switch"]';

/** Asks before new runs are held in the whole Catchment, and before they start again. */
export function MaintenanceDialog({
  graph,
  turn,
  onClose,
}: {
  graph: Graph;
  turn: "on" | "off";
  onClose: () => void;
}) {
  const { runs, kept } = holding(graph);
  const on = turn === "on";
  const save = (note: string) =>
    inDialog(
      on ? "Maintenance is on: no run starts." : "Maintenance is off: runs start as usual.",
      async () => {
        const { not_received: late } = await operating.maintenance(turn, note);
        const few = `${plural(late.length, "Pond has", "Ponds have")} not heard it yet, but will within minutes.`;
        return { warnings: late.length ? [few] : [] };
      },
      () => {
        onClose();
        // The banner goes away, and its button with it.
        if (!on) focusSoon(document.querySelector(SWITCH) ? SWITCH : "#main");
      },
    );
  return (
    <Dialog
      title={on ? "Hold all new runs?" : "Let runs start again?"}
      action={on ? "Hold new runs" : "End maintenance"}
      onClose={onClose}
      onDone={save}
    >
      {on ? (
        <>
          <p>
            No run starts in any Pond of this Catchment: not for a trigger, a Tide, a Window or a
            wake, and not in Ponds that are deployed meanwhile.
          </p>
          <p>
            What runs is finished
            {runs.length ? `: ${plural(runs.length, "run")} now` : ", and nothing runs now"}. What
            is asked for is kept.
          </p>
        </>
      ) : (
        <p>
          {kept.length
            ? `${plural(kept.length, "Pond was", "Ponds were")} asked for something meanwhile. They run now, as far as their Sources and Windows allow.`
            : "Nothing was asked for meanwhile."}
        </p>
      )}
    </Dialog>
  );
}
