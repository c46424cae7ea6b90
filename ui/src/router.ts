// The page's addresses, and a small router over the History API.

import { useSyncExternalStore } from "react";

export type Route =
  | { view: "pipeline"; line: string | null }
  | { view: "why"; line: string }
  | { view: "replay"; line: string }
  | { view: "runs" }
  | { view: "run"; line: string; number: number }
  | { view: "data"; line: string | null; table: string | null }
  | { view: "catchment" }
  | { view: "changes" }
  | { view: "unknown" };

export function parse(path: string): Route {
  const parts = path.split("/").filter(Boolean).map(decoded);
  const [view, one, two] = parts;
  if (parts.length > 3) return { view: "unknown" };
  switch (view) {
    case undefined:
      return { view: "pipeline", line: null };
    case "pond":
      return ofPond(one, two);
    case "runs":
      return one ? { view: "unknown" } : { view: "runs" };
    case "run":
      return one && two && /^\d+$/.test(two)
        ? { view: "run", line: one, number: Number(two) }
        : { view: "unknown" };
    case "data":
      return { view: "data", line: one ?? null, table: two ?? null };
    case "catchment":
      if (one === "changes" && !two) return { view: "changes" };
      return one ? { view: "unknown" } : { view: "catchment" };
    default:
      return { view: "unknown" };
  }
}

function ofPond(line: string | undefined, view: string | undefined): Route {
  if (!line) return { view: "unknown" };
  if (view === undefined) return { view: "pipeline", line };
  return view === "why" || view === "replay" ? { view, line } : { view: "unknown" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** `@` is allowed in a path and reads better than `%40`. */
export function segment(text: string): string {
  return encodeURIComponent(text).replace(/%40/g, "@");
}

export const pondPath = (line: string): string => `/pond/${segment(line)}`;

export function runPath(run: string): string {
  const at = run.lastIndexOf("/");
  return `/run/${segment(run.slice(0, at))}/${segment(run.slice(at + 1))}`;
}

export const dataPath = (line?: string | null, table?: string | null): string =>
  ["/data", line, table]
    .filter((part) => !!part)
    .map((part, at) => (at ? segment(part ?? "") : part))
    .join("/");

/** A place with a query: what is empty is left out. */
export function withQuery(path: string, values: Record<string, string | number | null>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** Why a line is as it is; `at`: as it was at an instant. */
export const whyPath = (line: string, at?: string | number | null): string =>
  withQuery(`${pondPath(line)}/why`, {
    at: typeof at === "number" ? new Date(at).toISOString() : (at ?? null),
  });

/** What a line was told, `from` an instant `until` another. No `step`: the newest is looked at. */
export const replayPath = (
  line: string,
  span: { from?: string; until?: string; step?: number | "first" } | null = null,
): string =>
  withQuery(`${pondPath(line)}/replay`, {
    from: span?.from ?? null,
    until: span?.until ?? null,
    step: span?.step ?? null,
  });

/** Who changed what. */
export const changesPath = (asked: {
  pond?: string;
  by?: string;
  since?: string;
  until?: string;
}): string =>
  withQuery("/catchment/changes", {
    pond: asked.pond ?? null,
    by: asked.by ?? null,
    since: asked.since ?? null,
    until: asked.until ?? null,
  });

/** A place with the tags of Ponds that are shown, in place of those that it has. */
export function tagged(path: string, search: string, tags: string[]): string {
  const query = new URLSearchParams(search);
  query.delete("tag");
  for (const tag of tags) query.append("tag", tag);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The pipeline, with only the Ponds that have a tag. */
export const tagPath = (tag: string): string => tagged("/", "", [tag]);

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function go(path: string, how: "push" | "replace" = "push"): void {
  if (how === "push") window.history.pushState(null, "", path);
  else window.history.replaceState(null, "", path);
  for (const listener of listeners) listener();
}

const here = (): string => window.location.pathname + window.location.search;

export function useRoute(): { route: Route; query: URLSearchParams } {
  const at = useSyncExternalStore(subscribe, here);
  const [path = "/", search = ""] = at.split("?");
  return { route: parse(path), query: new URLSearchParams(search) };
}
