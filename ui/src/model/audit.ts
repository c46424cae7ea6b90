// Who asked for which change.

import type { AuditRow } from "../answers";
import type { Graph } from "./lines";
import { oneLine } from "./text";

const ARN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(\S{1,400})$/;
/** In the place of a Pond: the whole Catchment. */
export const ALL = "*";

/** `user/alice` of an ARN; another name as it is. */
export const shortWho = (by: string): string => ARN.exec(by)?.[1] ?? by;

/** Who, as people read it. */
export function who(row: Pick<AuditRow, "by" | "via">): string {
  const name = row.by ? oneLine(shortWho(row.by), 80) : "not known";
  return row.via ? `${name} (page)` : name;
}

/** Who asked for a run, and why: `user/alice: "new prices"`; null: nothing is known of it. */
export function askedFor(by: string | null | undefined, note: string | null | undefined) {
  if (!by && !note) return null;
  return { name: by ? oneLine(shortWho(by), 80) : "not known", note: note ?? "" };
}

/** The line that a name of the audit means: the Pond's newest; null: there is none any more. */
export function lineOf(name: string, graph: Graph | null): string | null {
  if (!graph || name === ALL) return null;
  if (graph.byName.has(name)) return name;
  const majors = graph.lines.filter((line) => line.pond === name).map((line) => line.major);
  return majors.length ? `${name}@${Math.max(...majors)}` : null;
}

export interface Asked {
  pond: string;
  by: string;
  since: string;
  until: string;
}

const NAMES = ["pond", "by", "since", "until"] as const;

/** What an address asks for. */
export function askedOf(query: URLSearchParams): Asked {
  const [pond = "", by = "", since = "", until = ""] = NAMES.map((name) =>
    (query.get(name) ?? "").trim(),
  );
  return { pond, by, since, until };
}

/** Tells changes apart. */
export const rowKey = ({ at, request }: AuditRow): string => `${at} ${request}`;

/** The entries, and the next page of older ones: several changes of one instant may come twice. */
export function withOlder(held: AuditRow[], page: AuditRow[]): AuditRow[] {
  const known = new Set(held.map(rowKey));
  return [...held, ...page.filter((row) => !known.has(rowKey(row)))];
}
