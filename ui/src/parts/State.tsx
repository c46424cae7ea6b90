import { memo, type ReactNode } from "react";

// Each state has its own shape, so that it can be told without its colour.
const SHAPES: Record<string, ReactNode> = {
  idle: (
    <>
      <circle cx="8" cy="8" r="6.25" />
      <path d="m5 8.2 2.1 2.1L11 6.2" />
    </>
  ),
  waiting: <path d="M4 2h8M4 14h8M5 2c0 5.5 6 6.5 6 12M11 2c0 5.5-6 6.5-6 12" />,
  running: (
    <>
      <circle cx="8" cy="8" r="6.250" strokeDasharray="26 14" className="spin" />
      <path d="m6.5 5.3 4.3 2.7-4.3 2.7z" className="solid" />
    </>
  ),
  failed: (
    <>
      <path d="M5 1.5h6L14.5 5v6L11 14.5H5L1.5 11V5z" className="solid" />
      <path d="m5.5 5.5 5 5m0-5-5 5" className="cut" />
    </>
  ),
  killed: (
    <>
      <circle cx="8" cy="8" r="6.8" className="solid" />
      <path d="M5.5 5.5h5v5h-5z" className="cutsolid" />
    </>
  ),
  blocked: (
    <>
      <path d="M8 1.2 15 14H1z" className="solid" />
      <path d="M8 5.5v4M8 11.8v.2" className="cut" />
    </>
  ),
  undeployed: <circle cx="8" cy="8" r="6" strokeDasharray="2.5 2.5" />,
  success: (
    <>
      <circle cx="8" cy="8" r="6.250" />
      <path d="m5 8.2 2.1 2.1L11 6.2" />
    </>
  ),
  pass: <path d="M2 8h9m-3.5-4L12 8l-4.5 4M14 3v10" />,
  pending: <circle cx="8" cy="8" r="5.5" strokeDasharray="1.5 3" />,
};

const SAME: Record<string, string> = {
  done: "success",
  passed: "success",
  check: "failed",
  warned: "blocked",
  raised: "failed",
  queued: "waiting",
  paused: "waiting",
  pausing: "waiting",
  cancelled: "killed",
  lost: "blocked",
  crashed: "blocked",
};

/** The state that gives a word its colour and shape. */
export function stateOf(word: string): string {
  const state = SAME[word] ?? word;
  return state in SHAPES ? state : "pending";
}

export const StateIcon = memo(function StateIcon({ word }: { word: string }) {
  const state = stateOf(word);
  return (
    <svg className={`icon state-${state}`} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[state]}
    </svg>
  );
});

export const StateChip = memo(function StateChip({ word }: { word: string }) {
  return (
    <span className={`chip state-${stateOf(word)}`}>
      <StateIcon word={word} />
      {word}
    </span>
  );
});
