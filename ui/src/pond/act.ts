// Carries out an action and tells its outcome. A refusal is told word for word.

import { Refusal } from "../api/client";
import { tell } from "../parts/live";

interface Outcome {
  applied?: boolean;
  warnings?: string[];
}

/** True if the action was carried out. */
export async function act(done: string, ask: () => Promise<Outcome>): Promise<boolean> {
  try {
    const outcome = await ask();
    tell(
      "done",
      outcome.applied === false
        ? `${done} It is accepted, but the line has not received it yet.`
        : done,
    );
    for (const warning of outcome.warnings ?? []) tell("warning", warning);
    return true;
  } catch (error) {
    if (error instanceof Refusal) tell("refused", error.message, error.hint);
    else tell("refused", String(error));
    return false;
  }
}
