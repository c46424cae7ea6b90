import { useGraph } from "../api/status";
import { mentions } from "../model/mentions";
import { pondPath, runPath } from "../router";
import { Link } from "./Link";
import { Linked } from "./Text";

const NONE: ReadonlyMap<string, unknown> = new Map();

/** A text of somebody else, with links to the lines and runs that it names. */
export function Named({ text }: { text: string }) {
  const known = useGraph()?.byName ?? NONE;
  return (
    <>
      {mentions(text, known).map((part, at) =>
        part.line ? (
          <Link key={at} to={part.run ? runPath(part.run) : pondPath(part.line)}>
            {part.text}
          </Link>
        ) : (
          <Linked key={at} text={part.text} />
        ),
      )}
    </>
  );
}
