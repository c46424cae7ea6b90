// The runs of lines over the last days, kept while the page is open.

import { useEffect, useSyncExternalStore } from "react";
import type { RunRow } from "../answers";
import { api, Refusal } from "../api/client";
import { serverNow } from "../api/status";
import { askFrom, historyKey, merged } from "../model/freshness";
import type { Line } from "../model/lines";

/** `since`: from then on the runs are complete; null: there are more than were asked for. */
export interface RunHistory {
  runs: RunRow[];
  since: number | null;
  fault: Refusal | null;
}

interface Held extends RunHistory {
  key: string | null;
  asked: number;
}

const MOST = 1000;
// A day more than the longest picture, for the publication before its beginning.
const REACH_MS = 8 * 86_400_000;
const EVERY_MS = 30_000;

const held = new Map<string, Held>();
const listeners = new Set<() => void>();

/** Null until it is there. Asked for again when a run has begun or ended, at most every 30 s. */
export function useRunHistory(line: Line): RunHistory | null {
  const key = historyKey(line);
  const name = line.line;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const look = (): void => {
      if (gone) return;
      const old = held.get(name);
      if (old?.key === key) return;
      const wait = old ? old.asked + EVERY_MS - Date.now() : 0;
      if (wait > 0) timer = setTimeout(look, wait);
      else void load(name, key).then(look);
    };
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [name, key]);
  const found = useSyncExternalStore(subscribe, () => held.get(name) ?? null);
  return found && (found.key !== null || found.fault) ? found : null;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function keep(name: string, now: Held): void {
  held.set(name, now);
  for (const listener of listeners) listener();
}

async function load(name: string, key: string): Promise<void> {
  const old = held.get(name) ?? { runs: [], since: null, fault: null, key: null, asked: 0 };
  const asked = Date.now();
  const oldest = serverNow() - REACH_MS;
  const from = Math.max(askFrom(old.runs) ?? oldest, oldest);
  // Nobody else asks for this line meanwhile.
  held.set(name, { ...old, asked });
  try {
    const since = new Date(from).toISOString();
    const { runs } = await api.runs({ pond: name, limit: MOST, since });
    keep(name, { ...withNewer(old, runs, from, oldest), fault: null, key, asked });
  } catch (error) {
    const fault =
      error instanceof Refusal
        ? error
        : new Refusal({ type: "BadAnswer", message: String(error), hint: "" });
    keep(name, { ...old, fault, asked });
  }
}

function withNewer(
  old: RunHistory,
  runs: RunRow[],
  from: number,
  oldest: number,
): { runs: RunRow[]; since: number | null } {
  // As many as were asked for: there may be a gap between them and those that are held.
  if (runs.length >= MOST) return { runs, since: null };
  const recent = merged(old.runs, runs).filter((run) => Date.parse(run.started) >= oldest);
  return { runs: recent, since: old.runs.length ? old.since : from };
}
