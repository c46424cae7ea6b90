// Carries out an action and tells its outcome. A refusal is told word for word.

import { Refusal } from "../api/client";
import type { Unwilling } from "../parts/Dialog";
import { tell, type Note } from "../parts/live";

export interface Outcome {
  applied?: boolean;
  warnings?: string[];
}

export type Became =
  { done: true; words: string; warnings: string[] } | { done: false; words: string; hint: string };

/** What became of an action. Never an exception. */
export async function attempt(done: string, ask: () => Promise<Outcome>): Promise<Became> {
  try {
    const { applied, warnings = [] } = await ask();
    const late = applied === false ? " It is accepted, but the line has not received it yet." : "";
    return { done: true, words: `${done}${late}`, warnings };
  } catch (error) {
    if (error instanceof Refusal) return { done: false, words: error.message, hint: error.hint };
    return { done: false, words: String(error), hint: "" };
  }
}

/** True if the action was carried out. `then`: what takes it back. */
export async function act(
  done: string,
  ask: () => Promise<Outcome>,
  then?: Note["next"],
): Promise<boolean> {
  const became = await attempt(done, ask);
  tellOf(became, then);
  return became.done;
}

/** Tells what became of an action. */
export function tellOf(became: Became, then?: Note["next"]): void {
  if (became.done) {
    tell("done", became.words, "", then);
    for (const warning of became.warnings) tell("warning", warning);
  } else {
    tell("refused", became.words, became.hint);
  }
}

/** For a dialog: once it was done, that is told and the dialog closed. Otherwise it says why not. */
export async function inDialog(
  done: string,
  ask: () => Promise<Outcome>,
  close: () => void,
): Promise<Unwilling | null> {
  const became = await attempt(done, ask);
  if (!became.done) return became;
  tellOf(became);
  close();
  return null;
}
