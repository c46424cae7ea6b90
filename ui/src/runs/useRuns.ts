// What ran, newest first: new runs come by themselves, older ones when the reader asks for them.

import { useEffect, useRef, useState } from "react";
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

/**
 * The runs of a question.
 *
 * `asked` is called for each request: a span counts back from then. `inFlight` are the runs that
 * the status knows: a row that says otherwise is asked for again.
 */
export function useRuns(key: string, asked: () => RunsAsked, inFlight: ReadonlySet<string>): Feed {
  const [held, setHeld] = useState<Held>({ key, page: null, rows: [], more: true });
  const [older, setOlder] = useState<{ key: string; fault: Refusal | null } | null>(null);
  const latest = useRef(held);
  const head = useAnswer(key, (signal) => api.runs({ ...asked(), limit: PAGE }, signal));
  const page = head.answer?.runs ?? null;
  if (held.key !== key || (page && page !== held.page)) {
    const before = held.key === key ? held : { rows: [], more: true };
    const rows = page ? withNewest(before.rows, page, PAGE) : [];
    const more = rows.length > (page?.length ?? 0) ? before.more : page?.length === PAGE;
    setHeld({ key, page, rows, more });
  }
  useEffect(() => {
    latest.current = held;
  });
  useEnded(held, inFlight, setHeld);
  const olderHere = older?.key === key ? older : null;
  const showOlder = async (): Promise<void> => {
    const last = held.rows.at(-1);
    if (!last || olderHere?.fault === null) return;
    setOlder({ key, fault: null });
    const mine = (now: { key: string } | null): boolean => now?.key === key;
    try {
      const { runs } = await api.runs({ ...asked(), limit: OLDER_PAGE, before: last.run });
      setOlder((now) => (mine(now) ? null : now));
      // Meanwhile the question may be another one, or the list may end elsewhere.
      if (!mine(latest.current) || latest.current.rows.at(-1)?.run !== last.run) return;
      setHeld((now) => ({
        ...now,
        rows: withOlder(now.rows, runs),
        more: runs.length === OLDER_PAGE,
      }));
    } catch (error) {
      const fault = error instanceof Refusal ? error : null;
      setOlder((now) => (mine(now) ? (fault ? { key, fault } : null) : now));
      if (!fault) throw error;
    }
  };
  return {
    rows: held.page ? held.rows : null,
    fault: head.fault ?? olderHere?.fault ?? null,
    more: held.more,
    loadingOlder: olderHere?.fault === null,
    again: head.again,
    showOlder: () => void showOlder(),
  };
}

/** Rows below the newest page are not read again by it: one whose run has ended is. */
function useEnded(
  held: Held,
  inFlight: ReadonlySet<string>,
  setHeld: (change: (now: Held) => Held) => void,
): void {
  const ended = held.rows
    .slice(held.page?.length ?? 0)
    .filter((row) => row.finished === null && !inFlight.has(row.run))
    .map((row) => row.run)
    .join();
  useEffect(() => {
    if (!ended) return undefined;
    const controller = new AbortController();
    for (const name of ended.split(",")) {
      const [line, number] = name.split("/");
      if (!line || !number) continue;
      api
        .run(line, Number(number), controller.signal)
        .then(({ run }) =>
          setHeld((now) => ({
            ...now,
            rows: now.rows.map((row) => (row.run === run.run ? run : row)),
          })),
        )
        .catch(() => undefined); // it stays as it is
    }
    return () => controller.abort();
  }, [ended]);
}
