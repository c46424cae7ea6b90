import { oneLine } from "../model/text";
import { pondPath } from "../router";
import { Link } from "./Link";

/** Links to the first few lines, and how many more there are. */
export function PondLinks({ lines, most = 12 }: { lines: string[]; most?: number }) {
  const more = lines.length - most;
  return (
    <>
      {lines.slice(0, most).map((line, at) => (
        <span key={line}>
          {at > 0 && ", "}
          <Link to={pondPath(line)}>{oneLine(line, 60)}</Link>
        </span>
      ))}
      {more > 0 && ` and ${more} more`}
    </>
  );
}
