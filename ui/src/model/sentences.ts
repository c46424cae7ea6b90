// Why a line waits, rests or runs, in sentences. The server's own reason comes first.

import { demandWords } from "./demand";
import type { Line } from "./lines";
import { brief, countdown, exact, instant } from "./moments";
import { memory } from "./numbers";
import { oneLine } from "./text";

export function sentences(line: Line, now: number): string[] {
  return [...doing(line, now), stale(line, now), ...later(line, now), ...older(line)].filter(
    Boolean,
  );
}

function doing(line: Line, now: number): string[] {
  const reason = oneLine(line.reason);
  switch (line.status) {
    case "running":
      return [...line.runs.map((run) => runWords(run, now)), reason ? sentence(reason) : ""];
    case "failed":
      return [failureWords(line)];
    case "killed":
      return ["An operator killed it. It stays down until somebody wakes, forces or clears it."];
    case "undeployed":
      return ["A Pond names it as a Source, but it is not deployed. Deploy it."];
    case "blocked":
      return [sentence(reason || "blocked by a Source that is down")];
    case "waiting":
      return [sentence(reason || "about to start"), onlyWoken(line)];
    default:
      return [idleWords(line, reason)];
  }
}

/** A wake asks nobody: a reader who expects a run learns what to do. */
function onlyWoken(line: Line): string {
  const { woken, pull, targets, forced } = line.demand;
  return woken && !pull && !targets.length && !forced && line.sources.length
    ? "It was woken, and runs once its Sources hold something newer. Nobody has asked them: Pulse it to ask them, or Force it to run now."
    : "";
}

function idleWords(line: Line, reason: string): string {
  if (line.asleep) return "An operator put it to sleep. It starts again if somebody asks for it.";
  if (reason) return sentence(reason);
  if (line.agedFrom === null) return "It has never run. Nobody has asked for it yet.";
  const asked = demandWords(line.demand);
  if (asked) return `There is ${asked}, but its Sources have nothing newer.`;
  switch (line.trigger?.kind) {
    case "tide":
      return "It is within its Tide. It rests.";
    case "wave":
      return "Its Sources have nothing newer yet.";
    default:
      return "Nothing is wanted of it. It rests.";
  }
}

function runWords(run: Line["runs"][number], now: number): string {
  const working = run.ripples
    .filter((ripple) => ripple.status === "running" || ripple.status === "queued")
    .map((ripple) => rippleWords(ripple, now));
  const done = run.ripples.filter((ripple) => ripple.status === "done").length;
  const tail = `${done} of ${run.ripples.length} Ripples are done.`;
  return working.length
    ? `Run ${run.run} works on ${working.join(", ")}. ${tail}`
    : `Run ${run.run} is starting. ${tail}`;
}

function rippleWords(ripple: Line["runs"][number]["ripples"][number], now: number): string {
  const since = instant(ripple.since);
  const resumes = instant(ripple.resumes);
  const retry = ripple.status === "queued" ? instant(ripple.retry_at ?? null) : null;
  const waits =
    retry !== null && retry > now ? `tried again ${countdown(retry, now)}` : queuedWords(ripple);
  const details = [
    ripple.status === "queued" ? waits : "",
    since === null || ripple.status === "queued" ? "" : `for ${brief((now - since) / 1000)}`,
    ripple.attempt > 1 ? `attempt ${ripple.attempt}` : "",
    ripple.task_mib ? `a task of ${memory(ripple.task_mib)}` : "",
    resumes === null ? "" : `pauses, resumes ${countdown(resumes, now)}`,
  ].filter(Boolean);
  return details.length ? `${ripple.name} (${details.join(", ")})` : ripple.name;
}

/** Of a card: the limit that nothing of a line goes on without. Empty if anything else goes on. */
export function onlyAwaits(line: Line): string {
  const open = line.runs
    .flatMap((run) => run.ripples)
    .filter((ripple) => ripple.status === "running" || ripple.status === "queued");
  const limits = [...new Set(open.map((ripple) => ripple.awaits ?? ""))].sort();
  return limits.length && limits.every(Boolean) ? `waits for a token of ${limits.join(", ")}` : "";
}

function queuedWords(ripple: Line["runs"][number]["ripples"][number]): string {
  return ripple.awaits ? `waits for a token of limit ${ripple.awaits}` : "queued";
}

function failureWords(line: Line): string {
  const failure = line.failure;
  if (!failure) return sentence(oneLine(line.reason) || "its last run failed");
  const where = failure.ripple ? `Ripple ${failure.ripple} failed` : "The run failed";
  const run = failure.run ? ` in ${failure.run}` : "";
  return `${where}${run}${failure.attempt > 1 ? ` at attempt ${failure.attempt}` : ""}: ${oneLine([failure.error, failure.message].filter(Boolean).join(": "))}`;
}

function later(line: Line, now: number): string[] {
  const retry = instant(line.retry_at);
  const bound = line.trigger?.bound;
  const waits = line.next?.waits_for ?? [];
  const due = bound !== undefined && line.agedFrom !== null ? line.agedFrom + bound * 1000 : null;
  return [
    retry !== null ? `It is tried again ${countdown(retry, now)}.` : "",
    line.next && waits.length ? `Version ${line.next.version} waits for ${waits.join(", ")}.` : "",
    due !== null && line.status === "idle"
      ? due > now
        ? `Its Tide of ${exact(bound ?? 0)} is reached ${countdown(due, now)}.`
        : `It is older than its Tide of ${exact(bound ?? 0)}.`
      : "",
  ];
}

/** Its data has passed the bound that an operator declared, or that follows from its Tide. */
function stale(line: Line, now: number): string {
  const since = instant(line.bound?.stale ?? null);
  return line.bound && since !== null
    ? `Its data passed its bound (${line.bound.words}) ${countdown(since, now)}.`
    : "";
}

function older(line: Line): string[] {
  const tables = line.older_tables;
  if (!tables.length) return [];
  const names = tables.map((table) => table.table).join(", ");
  return [`${tables.length === 1 ? "A table is" : "Tables are"} older than the Pond: ${names}.`];
}

function sentence(text: string): string {
  const first = /^[a-z][a-z0-9_-]*@\d/.test(text)
    ? text
    : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
