import type { WhyAnswer } from "../answers";
import { placeOf } from "../model/places";
import { oneLine } from "../model/text";
import { waysByLine } from "../model/why";
import { Copy } from "../parts/Copy";
import { Link } from "../parts/Link";
import { Named } from "../parts/Named";

/** What would change it: the commands to type, and where the page does the same. */
export function Ways({ answer }: { answer: WhyAnswer }) {
  const groups = waysByLine(answer);
  return (
    <>
      {groups.map(({ line, ways }) => (
        <div key={line} className="ways">
          {groups.length > 1 && <h3>{oneLine(line, 80)}</h3>}
          <ul>
            {ways.map((way) => (
              <li key={`${way.text} ${way.command ?? ""}`}>
                <span>
                  <Named text={way.text} />
                  {way.command ? ":" : "."}
                </span>
                {way.command && <Command text={way.command} />}
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

function Command({ text }: { text: string }) {
  const place = placeOf(text);
  const shown = oneLine(text, 400);
  return (
    <span className="command">
      <code>{shown}</code>
      <Copy text={text} label={shown} />
      {place && <Link to={place.path}>{oneLine(place.words, 80)}</Link>}
    </span>
  );
}
