import { useState } from "react";

/** Takes a text to the clipboard. */
export function Copy({ text, label }: { text: string; label?: string }) {
  const [word, setWord] = useState("Copy");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setWord("Copied");
    } catch {
      setWord("Not copied: select it");
    }
    setTimeout(() => setWord("Copy"), 4000);
  };
  return (
    <button type="button" className="small" aria-live="polite" onClick={() => void copy()}>
      {word}
      {label && <span className="unseen"> {label}</span>}
    </button>
  );
}
