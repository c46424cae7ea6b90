import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { api } from "../api/client";
import { completed, wordBefore } from "../model/complete";
import { oneLine } from "../model/text";

const PAUSE_MS = 120;

interface Offer {
  word: string;
  names: string[];
  active: number;
}

/** A text of SQL. Ctrl Space offers names of Ponds and tables, and so does a dot. */
export function Editor({
  value,
  onChange,
  label,
}: {
  value: string;
  onChange: (text: string) => void;
  label: string;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [offer, setOffer] = useState<Offer | null>(null);
  const asking = useRef<{ stop: AbortController; timer: number } | null>(null);
  const list = useId();
  const close = (): void => {
    if (asking.current) {
      clearTimeout(asking.current.timer);
      asking.current.stop.abort();
      asking.current = null;
    }
    setOffer(null);
  };
  useEffect(() => close, []);
  const ask = (word: string, pause: number): void => {
    close();
    if (!word) return;
    const stop = new AbortController();
    const look = async (): Promise<void> => {
      try {
        const names = await api.names(word, stop.signal);
        if (!stop.signal.aborted) setOffer(names.length ? { word, names, active: 0 } : null);
      } catch {
        // Nobody reads an error in the middle of a word.
      }
    };
    asking.current = { stop, timer: window.setTimeout(() => void look(), pause) };
  };
  const caret = (): number => area.current?.selectionStart ?? value.length;
  const take = (name: string): void => {
    if (!offer || !area.current) return;
    const made = completed(value, caret(), offer.word, name);
    onChange(made.text);
    close();
    area.current.focus();
    requestAnimationFrame(() => area.current?.setSelectionRange(made.caret, made.caret));
  };
  const change = (text: string): void => {
    onChange(text);
    const word = wordBefore(text, caret());
    if (offer || word.endsWith(".")) ask(word, PAUSE_MS);
    else close();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      ask(wordBefore(value, caret()), 0);
      return;
    }
    if (!offer) return;
    const name = offer.names[offer.active];
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      const count = offer.names.length;
      setOffer({ ...offer, active: (offer.active + move + count) % count });
    } else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") {
      if (name) take(name);
    } else if (event.key === "Escape") {
      close();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const option = (at: number): string => `${list}-${at}`;
  return (
    <div className="editor">
      <textarea
        ref={area}
        value={value}
        rows={Math.min(14, Math.max(3, value.split("\n").length + 1))}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        aria-label={label}
        aria-autocomplete="list"
        aria-controls={offer ? list : undefined}
        aria-activedescendant={offer ? option(offer.active) : undefined}
        placeholder="SELECT count(*) FROM …"
        onChange={(event) => change(event.target.value)}
        onKeyDown={press}
        onBlur={close}
      />
      {offer && (
        <ul id={list} role="listbox" className="offer" aria-label="Names">
          {offer.names.map((name, at) => (
            <li
              key={name}
              id={option(at)}
              role="option"
              aria-selected={at === offer.active}
              // Before the text loses focus.
              onMouseDown={(event) => {
                event.preventDefault();
                take(name);
              }}
            >
              {oneLine(name, 100)}
            </li>
          ))}
        </ul>
      )}
      <p className="under">
        A table is POND.TABLE. <kbd>Ctrl Space</kbd> completes names.
      </p>
    </div>
  );
}
