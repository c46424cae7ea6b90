import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { seenTables } from "../api/catchment";
import { useGraph } from "../api/status";
import { find } from "../model/find";
import { oneLine } from "../model/text";
import { go } from "../router";

/** Finds Ponds, Ripples, runs and tables. The key `/` opens it. */
export function Search() {
  const graph = useGraph();
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  useSlash(() => input.current?.focus());
  const hits = useMemo(
    () => (graph && open ? find(graph, seenTables(), words) : []),
    [graph, words, open],
  );
  const shown = open && words.trim() !== "";
  const choose = (index: number): void => {
    const hit = hits[index];
    if (!hit) return;
    go(hit.path);
    setWords("");
    setOpen(false);
    input.current?.blur();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setAt((index) => Math.min(index + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setAt((index) => Math.max(index - 1, 0));
    else if (event.key === "Enter") choose(at);
    else if (event.key === "Escape") {
      setWords("");
      input.current?.blur();
    } else return;
    event.preventDefault();
  };
  return (
    <div className="search" role="search">
      <input
        ref={input}
        type="search"
        value={words}
        placeholder="Find a Pond, Ripple, run or table"
        role="combobox"
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-label="Find a Pond, Ripple, run or table"
        autoComplete="off"
        spellCheck={false}
        aria-activedescendant={shown && hits[at] ? `${list}-${at}` : undefined}
        onChange={(event) => {
          setWords(event.target.value);
          setAt(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={press}
      />
      <kbd aria-hidden="true">/</kbd>
      <ul id={list} role="listbox" aria-label="Found" hidden={!shown}>
        {shown &&
          hits.map((hit, index) => (
            <li
              key={`${hit.kind} ${hit.path} ${hit.name}`}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseDown={(event) => event.preventDefault()}
              onMouseEnter={() => setAt(index)}
              onClick={() => choose(index)}
            >
              <span className="kind">{hit.kind}</span>
              <strong>{oneLine(hit.name, 60)}</strong>
              <span>{oneLine(hit.detail, 60)}</span>
            </li>
          ))}
        {shown && !hits.length && (
          <li className="nothing" role="option" aria-selected="false">
            Nothing is called “{oneLine(words, 40)}”.
          </li>
        )}
      </ul>
    </div>
  );
}

function useSlash(act: () => void): void {
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent): void => {
      const typing =
        event.target instanceof Element &&
        event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
}
