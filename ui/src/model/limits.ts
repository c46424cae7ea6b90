// Limits: who has their tokens, who waits, and what a line has to do with them.

import type { LimitTold } from "../answers";
import type { Graph, Line } from "./lines";

/** Of a line's claims, where no operator has said another. */
export const USUAL_PRIORITY = 50;
export const MOST_PRIORITY = 100;
export const MOST_TOKENS = 1000;

const NAME = /^[a-z][a-z0-9_-]*$/;

/** `2 of 3 tokens taken, 4 wait`. */
export function limitWords(limit: LimitTold): string {
  const [taken, wait] = [limit.held.length, limit.waiting.length];
  const queue = wait ? `, ${wait === 1 ? "1 waits" : `${wait} wait`}` : "";
  if (limit.tokens === null) return `no number is set; ${taken} run now`;
  if (limit.tokens === 0) return `0 tokens: nothing new begins; ${taken} taken${queue}`;
  return `${taken} of ${limit.tokens} ${limit.tokens === 1 ? "token" : "tokens"} taken${queue}`;
}

/** How full it is, in percent; null where there is no number. */
export function taken(limit: LimitTold): number | null {
  if (limit.tokens === null) return null;
  if (limit.tokens === 0) return 100;
  return Math.min(100, Math.round((limit.held.length / limit.tokens) * 100));
}

export interface Share {
  limit: string;
  /** Null: a deployed Ripple names a limit that the answer does not have yet. */
  told: LimitTold | null;
  holds: number;
  /** The line's best place in the queue, from 1; null: it does not wait. */
  place: number | null;
}

/** The limits that a line's Ripples use, and what the line has of each. */
export function sharesOf(graph: Graph, line: Line): Share[] {
  const names = new Set(line.ripples.flatMap((ripple) => ripple.uses ?? []));
  return [...names].sort().map((limit) => {
    const told = graph.limits.find((each) => each.name === limit) ?? null;
    const at = told ? told.waiting.findIndex((one) => one.line === line.line) : -1;
    return {
      limit,
      told,
      holds: told?.held.filter((one) => one.line === line.line).length ?? 0,
      place: at < 0 ? null : at + 1,
    };
  });
}

/** What is wrong with a limit that is to be set; empty if nothing. */
export function limitFault(name: string, tokens: string): string {
  if (!NAME.test(name))
    return "Name: a lower-case letter, then lower-case letters, digits, _ or -.";
  return numberFault("Tokens", tokens, MOST_TOKENS);
}

export const priorityFault = (text: string): string => numberFault("Priority", text, MOST_PRIORITY);

function numberFault(what: string, text: string, most: number): string {
  return /^\d{1,5}$/.test(text.trim()) && Number(text) <= most
    ? ""
    : `${what}: a whole number from 0 to ${most}.`;
}
