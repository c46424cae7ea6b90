// What ran, newest first: new runs come by themselves, older ones when the reader asks for them.

import { useRef, useState } from "react";
import type { RunRow } from "../answers";
import { api, Refusal, type RunsAsked } from "../api/client";
import { useAnswer } from "../api/useAnswer";
import { withNewest, withOlder } from "../model/feed";

const PAGE = 50;
const OLDER_PAGE = 200;

export interface Feed {
  /** Null: not known yet. */
  rows: RunRow[] | null;
  fault: Refusal | null;
  /** Whether there may be older ones. */
  more: boolean;
  loadingOlder: boolean;
  again: () => void;
  showOlder: () => void;
}

interface Held {
  key: string;
  page: RunRow[] | null;
  rows: RunRow[];
  more: boolean;
}

/** The runs of a question. `asked` is called for each request: a span counts back from then. */
export function useRuns(key: string, asked: () => RunsAsked): Feed {
  const [held, setHeld] = useState<Held>({ key, page: null, rows: [], more: true });
  const [older, setOlder] = useState<{ key: string; fault: Refusal | null } | null>(null);
  const current = useRef(key);
  current.current = key;
  const head = useAnswer(key, (signal) => api.runs({ ...asked(), limit: PAGE }, signal));
  const page = head.answer?.runs ?? null;
  if (held.key !== key || (page && page !== held.page)) {
    const before = held.key === key ? held : { rows: [], more: true };
    const rows = page ? withNewest(before.rows, page, PAGE) : [];
    const more = rows.length > (page?.length ?? 0) ? before.more : page?.length === PAGE;
    setHeld({ key, page, rows, more });
  }
  const showOlder = async (): Promise<void> => {
    const last = held.rows.at(-1);
    if (!last || older?.fault === null) return;
    setOlder({ key, fault: null });
    try {
      const { runs } = await api.runs({ ...asked(), limit: OLDER_PAGE, before: last.run });
      if (current.current !== key) return;
      setHeld((now) => ({
        ...now,
        rows: withOlder(now.rows, runs),
        more: runs.length === OLDER_PAGE,
      }));
      setOlder(null);
    } catch (error) {
      const fault = error instanceof Refusal ? error : null;
      if (!fault) throw error;
      setOlder({ key, fault });
    }
  };
  const olderHere = older?.key === key ? older : null;
  return {
    rows: held.page ? held.rows : null,
    fault: head.fault ?? olderHere?.fault ?? null,
    more: held.more,
    loadingOlder: olderHere?.fault === null,
    again: head.again,
    showOlder: () => void showOlder(),
  };
}
