// The steps of a journal, an answer at a time.

import { useCallback, useEffect, useRef, useState } from "react";
import { api, Refusal } from "../api/client";
import { isAhead, withPage, type Held, type Wanted } from "../model/replay";

export interface Replayed {
  held: Held | null;
  fault: Refusal | null;
  busy: boolean;
  more: () => void;
  again: () => void;
}

/** `step`: the one that a link names. Pages are asked for until it is there. */
export function useReplay(line: string, from: string, until: string, step: Wanted): Replayed {
  const [held, setHeld] = useState<Held | null>(null);
  const [fault, setFault] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(true);
  const [round, setRound] = useState(0);
  const asking = useRef<AbortController | null>(null);

  const ask = useCallback(
    async (old: Held | null): Promise<void> => {
      asking.current?.abort();
      const controller = new AbortController();
      asking.current = controller;
      setBusy(true);
      setFault(null);
      try {
        const asked = old?.next
          ? { from: old.since, until: old.until, after: old.next }
          : { from, until };
        const page = await api.replay(line, asked, controller.signal);
        if (controller.signal.aborted) return;
        setHeld(withPage(old, page));
      } catch (error) {
        if (controller.signal.aborted) return;
        setFault(
          error instanceof Refusal
            ? error
            : new Refusal({ type: "BadAnswer", message: String(error), hint: "" }),
        );
      }
      setBusy(false);
    },
    [line, from, until],
  );

  // The address takes over the times of an answer: that is no new question.
  const wanted = useRef(step); // only what the address named when it was asked
  const answered = useRef<{ held: Held | null; round: number }>({ held: null, round: 0 });
  answered.current.held = held;
  useEffect(() => {
    const old = answered.current;
    const same = old.round === round && old.held?.since === from && old.held.until === until;
    answered.current.round = round;
    if (same) return;
    wanted.current = step;
    setHeld(null);
    void ask(null);
  }, [ask, from, until, round]);
  useEffect(() => () => asking.current?.abort(), []);

  useEffect(() => {
    if (held && !busy && !fault && isAhead(held, wanted.current)) void ask(held);
  }, [held, busy, fault, ask]);

  const more = useCallback(() => void ask(held), [ask, held]);
  const again = useCallback(() => setRound((old) => old + 1), []);
  return { held, fault, busy, more, again };
}
