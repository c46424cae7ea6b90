// One answer of the server, with its loading and error states.

import { useCallback, useEffect, useRef, useState } from "react";
import { Refusal } from "./client";

export interface Asked<Answer> {
  answer: Answer | null;
  fault: Refusal | null;
  loading: boolean;
  again: () => void;
}

/** Asks when `key` changes, and again on `again()`. The old answer of the same key stays meanwhile. */
export function useAnswer<Answer>(
  key: string | null,
  ask: (signal: AbortSignal) => Promise<Answer>,
): Asked<Answer> {
  const [held, setHeld] = useState<{ key: string; answer: Answer | null; fault: Refusal | null }>();
  const [round, setRound] = useState(0);
  const busy = useRef(false);
  const wanted = useRef(false);
  const asking = useRef(ask);
  asking.current = ask;
  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    busy.current = true;
    wanted.current = false;
    asking
      .current(controller.signal)
      .then((answer) => {
        if (!controller.signal.aborted) setHeld({ key, answer, fault: null });
      })
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        const fault =
          error instanceof Refusal
            ? error
            : new Refusal({ type: "BadAnswer", message: String(error), hint: "" });
        setHeld((old) => ({ key, answer: old?.key === key ? old.answer : null, fault }));
      })
      .finally(() => {
        if (controller.signal.aborted) return;
        busy.current = false;
        if (wanted.current) setRound((count) => count + 1);
      });
    return () => {
      busy.current = false;
      controller.abort();
    };
  }, [key, round]);
  const again = useCallback(() => {
    // An answer that is on its way is awaited: where news come quickly, none would ever arrive.
    if (busy.current) wanted.current = true;
    else setRound((count) => count + 1);
  }, []);
  const mine = held?.key === key ? held : undefined;
  return {
    answer: mine?.answer ?? null,
    fault: mine?.fault ?? null,
    loading: key !== null && !mine,
    again,
  };
}
