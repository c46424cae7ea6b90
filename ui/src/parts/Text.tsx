import { memo } from "react";
import { oneLine, segments, visible } from "../model/text";

/** A text of somebody else, on one line. */
export const Words = ({ text, most }: { text: string; most?: number }) => (
  <>{oneLine(text, most)}</>
);

/** A text of somebody else, word for word, with its web addresses as links. */
export const Verbatim = memo(function Verbatim({ text, label }: { text: string; label: string }) {
  return (
    <pre className="verbatim" tabIndex={0} aria-label={label}>
      <Linked text={text} />
    </pre>
  );
});

export const Linked = memo(function Linked({ text }: { text: string }) {
  return (
    <>
      {segments(text).map((part, at) =>
        part.href ? (
          <a key={at} href={part.href} target="_blank" rel="noreferrer noopener">
            {part.text}
          </a>
        ) : (
          part.text
        ),
      )}
    </>
  );
});

/** A cell of a table: null is told apart from a text. */
export function Cell({ value }: { value: string | null }) {
  return value === null ? <span className="null">NULL</span> : <>{visible(value)}</>;
}
