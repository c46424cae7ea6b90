// What the server says of itself, and which tables the page has seen: for the search.

import { createContext, useContext } from "react";
import { looksOnly } from "../model/actions";
import type { Catchment } from "./shapes";

export const CatchmentContext = createContext<Catchment | null>(null);

export const useCatchment = (): Catchment | null => useContext(CatchmentContext);

/** Whether changes are offered at all: neither the page nor the reader's rights are only to look. */
export function useMayChange(): boolean {
  const catchment = useCatchment();
  return catchment !== null && !looksOnly(catchment);
}

const seen = new Map<string, string[]>();

export const seenTables = (): ReadonlyMap<string, string[]> => seen;

export function rememberTables(line: string, tables: string[]): void {
  seen.set(line, tables);
}
