// Tags of Ponds, such as `team=sales`: counted, chosen, and edited as a text.

import type { Line } from "./lines";

/** The value of each key that is chosen. A Pond has to have all of them. */
export type Tags = Readonly<Record<string, string>>;

export interface Tagged {
  tag: string;
  /** How many lines have it. */
  lines: number;
}

const MOST = 10;
const TAG = /^([a-z][a-z0-9_-]{0,31})=([a-z0-9_.-]{1,63})$/;

export const tagText = (key: string, value: string): string => `${key}=${value}`;

export const tagTexts = (tags: Tags | undefined): string[] =>
  Object.entries(tags ?? {})
    .map(([key, value]) => tagText(key, value))
    .sort();

/** All tags, and how many lines have each. */
export function allTags(lines: Line[]): Tagged[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    for (const tag of tagTexts(line.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return [...counts]
    .map(([tag, count]) => ({ tag, lines: count }))
    .sort((one, other) => (one.tag < other.tag ? -1 : 1));
}

export const hasTags = (line: Line, wanted: Tags): boolean =>
  Object.entries(wanted).every(([key, value]) => line.tags?.[key] === value);

/** The tags of an address: what is no tag is left out, and of one key the last counts. */
export function tagsFrom(texts: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of texts) {
    const [, key, value] = TAG.exec(text) ?? [];
    if (key && value) found[key] = value;
  }
  return found;
}

export interface Edited {
  put: Record<string, string>;
  remove: string[];
  /** What is wrong with the text; empty if nothing. */
  fault: string;
}

/** What a text such as `team=sales, tier=gold` changes. */
export function edited(text: string, before: Tags | undefined): Edited {
  const words = text.split(/[\s,]+/).filter(Boolean);
  const after: Record<string, string> = {};
  for (const word of words) {
    const [, key, value] = TAG.exec(word) ?? [];
    if (!key || !value) return refused(`${word} is not a tag. ${RULE}`);
    if (Object.hasOwn(after, key)) return refused(`${key} has two values.`);
    after[key] = value;
  }
  if (Object.keys(after).length > MOST) return refused(`A Pond has at most ${MOST} tags.`);
  const held = before ?? {};
  const put = Object.fromEntries(
    Object.entries(after).filter(([key, value]) => held[key] !== value),
  );
  return { put, remove: Object.keys(held).filter((key) => !Object.hasOwn(after, key)), fault: "" };
}

const RULE = "Write key=value in lower case, such as team=sales.";

const refused = (fault: string): Edited => ({ put: {}, remove: [], fault });
