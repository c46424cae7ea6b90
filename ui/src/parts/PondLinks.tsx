import { pondPath } from "../router";
import { LineName } from "./LineName";
import { Link } from "./Link";

/** Links to the first few lines, and how many more there are. */
export function PondLinks({ lines, most = 12 }: { lines: string[]; most?: number }) {
  const more = lines.length - most;
  return (
    <>
      {lines.slice(0, most).map((line, at) => (
        <span key={line}>
          {at > 0 && ", "}
          <Link to={pondPath(line)} className="name">
            <LineName name={line} />
          </Link>
        </span>
      ))}
      {more > 0 && ` and ${more} more`}
    </>
  );
}
