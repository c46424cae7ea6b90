// What `why` answers, in the order in which it is shown.

import type { CauseKind, CauseTold, LineStatusWord, Way, WhyAnswer } from "../answers";

/** A cause of `line`. `depth`: so many lines from the one that was asked about; `again`: what it
 * leads to is shown above. */
export interface Shown {
  cause: CauseTold;
  line: string;
  status: LineStatusWord;
  depth: number;
  again: boolean;
}

/** Each line once, under the cause that leads to it first. */
export function inDepth(answer: Pick<WhyAnswer, "line" | "chain">): Shown[] {
  const byLine = new Map(answer.chain.map((each) => [each.line, each]));
  const causesOf = (line: string, depth: number): Shown[] => {
    const told = byLine.get(line);
    return (told?.causes ?? []).map((cause) => ({
      cause,
      line,
      status: told?.status ?? "undeployed",
      depth,
      again: false,
    }));
  };
  const shown: Shown[] = [];
  const told = new Set([answer.line]);
  const ahead = causesOf(answer.line, 0).reverse();
  for (let next = ahead.pop(); next; next = ahead.pop()) {
    const above = next.cause.leads_to;
    const again = above !== null && told.has(above);
    shown.push({ ...next, again });
    if (above !== null && !again) {
      told.add(above);
      ahead.push(...causesOf(above, next.depth + 1).reverse());
    }
  }
  return shown;
}

export const isRoot = (one: Shown): boolean => one.cause.leads_to === null;

/** The first `most`, and of the rest the roots: `left` are not shown. */
export function asFarAsThereIsRoom(
  all: Shown[],
  most: number,
  mostRoots: number,
): { first: Shown[]; roots: Shown[]; left: number } {
  const first = all.slice(0, most);
  const roots = all.slice(most).filter(isRoot).slice(0, mostRoots);
  return { first, roots, left: all.length - first.length - roots.length };
}

export function causesTitle(answer: Pick<WhyAnswer, "line" | "chain" | "runs">): string {
  const own = answer.chain.find((each) => each.line === answer.line)?.causes ?? [];
  if (own.length && own.every((cause) => cause.kind === "waits_for_token"))
    return "What it waits for";
  return answer.runs.some((run) => run.demand.length) ? "Why no other run starts" : "Why";
}

/** What happens at the instant `at` of a cause. */
export function endWord(kind: CauseKind): string {
  switch (kind) {
    case "window_closed":
      return "opens";
    case "retry_at":
      return "tried again";
    case "tide_due":
      return "asks again";
    default:
      return "until";
  }
}

export const isPast = (answer: Pick<WhyAnswer, "at" | "now">): boolean => answer.at !== answer.now;

export interface Ways {
  line: string;
  ways: Way[];
}

const keyOf = (way: Way): string => `${way.text}\n${way.command ?? ""}`;

/** What would change it, under the line that it is about. It may take all of them. */
export function waysByLine(answer: Pick<WhyAnswer, "line" | "chain" | "ways">): Ways[] {
  const owner = new Map<string, string>();
  for (const { line, causes } of answer.chain)
    for (const way of causes.flatMap((cause) => cause.ways))
      if (!owner.has(keyOf(way))) owner.set(keyOf(way), line);
  const groups = new Map<string, Way[]>();
  for (const way of answer.ways) {
    const line = owner.get(keyOf(way)) ?? answer.line;
    groups.set(line, [...(groups.get(line) ?? []), way]);
  }
  return [...groups].map(([line, ways]) => ({ line, ways }));
}
