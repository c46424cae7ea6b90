// What the server says of itself, and which tables the page has seen: for the search.

import { createContext, useContext } from "react";
import type { Catchment } from "./shapes";

export const CatchmentContext = createContext<Catchment | null>(null);

export const useCatchment = (): Catchment | null => useContext(CatchmentContext);

const seen = new Map<string, string[]>();

export const seenTables = (): ReadonlyMap<string, string[]> => seen;

export function rememberTables(line: string, tables: string[]): void {
  seen.set(line, tables);
}
