import { oneLine } from "../model/text";
import { Link } from "../parts/Link";
import { changesPath, pondPath, replayPath, whyPath, withQuery } from "../router";

type Tab = "pond" | "why" | "replay";

interface Props {
  line: string;
  current: Tab;
  /** The moment that is looked at, if it is past. */
  at?: string | null;
  /** The time around it. */
  span?: { from?: string; until?: string } | null;
}

/** The views of one Pond. A moment that is looked at stays the same. */
export function PondTabs({ line, current, at = null, span = null }: Props) {
  const pond = line.slice(0, Math.max(0, line.lastIndexOf("@"))) || line;
  const tabs: { tab: Tab | null; name: string; path: string }[] = [
    { tab: "pond", name: "Pond", path: pondPath(line) },
    { tab: "why", name: "Why", path: whyPath(line, at) },
    { tab: "replay", name: "Replay", path: replayPath(line, span) },
    { tab: null, name: "Runs", path: withQuery("/runs", { pond }) },
    { tab: null, name: "Changes", path: changesPath({ pond }) },
  ];
  return (
    <nav className="tabs pond-tabs" aria-label={`Of ${oneLine(line, 80)}`}>
      {tabs.map(({ tab, name, path }) => (
        <Link key={name} to={path} aria-current={tab === current ? "page" : undefined}>
          {name}
        </Link>
      ))}
    </nav>
  );
}
