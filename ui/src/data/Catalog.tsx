import { useEffect, useMemo, useState } from "react";
import { rememberTables, seenTables } from "../api/catchment";
import { api } from "../api/client";
import { useGraph } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import type { Line } from "../model/lines";
import { shownName } from "../model/lines";
import { plural, size } from "../model/numbers";
import { publishedKey } from "../model/published";
import { oneLine } from "../model/text";
import { Loading, Refused } from "../parts/Empty";
import { Link } from "../parts/Link";
import { Age } from "../parts/Time";
import { dataPath, withQuery } from "../router";

/** The tree of Ponds and their tables. */
export function Catalog({
  line,
  table,
  snapshot,
}: {
  line: string | null;
  table: string | null;
  snapshot: number | null;
}) {
  const graph = useGraph();
  const [words, setWords] = useState("");
  const lines = useMemo(() => {
    const text = words.trim().toLowerCase();
    return (graph?.lines ?? [])
      .filter((each) => each.tables > 0)
      .filter(
        (each) =>
          !text ||
          each.line.includes(text) ||
          each.ripples.some((ripple) => ripple.name.toLowerCase().includes(text)) ||
          (seenTables().get(each.line) ?? []).some((name) => name.toLowerCase().includes(text)),
      )
      .sort((one, other) => (one.line < other.line ? -1 : 1));
  }, [graph, words]);
  return (
    <nav className="catalog" aria-label="Ponds and tables">
      <input
        type="search"
        placeholder="Find a Pond or table"
        aria-label="Find a Pond or table"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      {!graph && <Loading what="the catalog" />}
      {graph && !lines.length && (
        <p>{words ? "Nothing is called so." : "Nothing is published yet."}</p>
      )}
      <ul>
        {graph &&
          lines.map((each) => (
            <li key={each.line}>
              <Link
                to={dataPath(each.line)}
                aria-current={each.line === line && !table ? "page" : undefined}
                className="catalog-pond"
              >
                <span aria-hidden="true">{each.line === line ? "▾" : "▸"}</span>
                <strong>{oneLine(shownName(each, graph), 60)}</strong>
                <span>{each.tables}</span>
              </Link>
              {each.line === line && <Tables line={each} table={table} snapshot={snapshot} />}
            </li>
          ))}
      </ul>
    </nav>
  );
}

function Tables({
  line,
  table,
  snapshot,
}: {
  line: Line;
  table: string | null;
  snapshot: number | null;
}) {
  const asked = useAnswer(
    `tables ${line.line} ${snapshot ?? publishedKey(line)}`,
    async (signal) => ({
      tables: snapshot
        ? await api.tables(line.line, snapshot, signal)
        : (await api.line(line.line, signal)).tables,
    }),
  );
  const tables = asked.answer?.tables?.tables;
  useEffect(() => {
    if (tables && !snapshot)
      rememberTables(
        line.line,
        tables.map((each) => each.table),
      );
  }, [line.line, snapshot, tables]);
  if (asked.fault) return <Refused fault={asked.fault} again={asked.again} />;
  if (!asked.answer) return <Loading what="tables" />;
  return (
    <ul>
      {(tables ?? []).map((each) => (
        <li key={each.table}>
          <Link
            to={withQuery(dataPath(line.line, each.table), { snapshot })}
            aria-current={each.table === table ? "page" : undefined}
            className="catalog-table"
          >
            <span className="grow">{oneLine(each.table, 60)}</span>
            <span title={size(each.bytes)}>{plural(each.rows, "row")}</span>
          </Link>
        </li>
      ))}
      <li className="catalog-age">
        {snapshot ? (
          `as ${line.line}/${snapshot} published it`
        ) : (
          <>
            published, <Age from={line.agedFrom} /> old
          </>
        )}
      </li>
    </ul>
  );
}
