import type { ReactNode } from "react";
import { Refusal } from "../api/client";
import { Linked } from "./Text";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <div className="loading" role="status">
      <span className="bar" aria-hidden="true" />
      <span className="bar short" aria-hidden="true" />
      <span className="loading-word">Loading {what} …</span>
    </div>
  );
}

/** A refusal, word for word. */
export function Refused({ fault, again }: { fault: Refusal; again?: () => void }) {
  return (
    <div className="refused" role="alert">
      <pre className="refused-text">
        <Linked text={fault.message} />
      </pre>
      {fault.hint && (
        <p className="hint">
          <Linked text={fault.hint} />
        </p>
      )}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}
