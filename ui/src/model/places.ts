// Where in the page one does what a command does.

import { pondPath, runPath } from "../router";

export interface Place {
  path: string;
  words: string;
}

const POND = /^[a-z][a-z0-9_-]*$/;
const RUN = /^[a-z][a-z0-9_-]*@\d+\/\d+$/;
const WHOLE = /^\d+$/;

/** The place of `duckstring control wake sales -m 1`; null: the page has none. */
export function placeOf(command: string): Place | null {
  const words = command.split(" ").filter(Boolean);
  if (words.shift() !== "duckstring") return null;
  const major = option(words, "-m");
  option(words, "-c");
  const [group, verb = "", name = ""] = words;
  switch (group) {
    case "run":
      return verb === "show" && RUN.test(name)
        ? { path: runPath(name), words: `See ${name}` }
        : null;
    case "status":
      return inPanel(verb, major);
    case "trigger":
    case "control":
      return inPanel(name, major);
    case "limit":
      return verb === "set" && POND.test(name)
        ? { path: "/catchment#limits", words: "Open Catchment, Limits" }
        : null;
    case "doctor":
      return words.length === 1 ? { path: "/catchment", words: "See the doctor" } : null;
    default:
      return null;
  }
}

function inPanel(pond: string, major: string): Place | null {
  return POND.test(pond) && WHOLE.test(major)
    ? { path: pondPath(`${pond}@${major}`), words: `Open ${pond}@${major}` }
    : null;
}

/** The value of an option, which is taken out of the words. */
function option(words: string[], name: string): string {
  const at = words.indexOf(name);
  return at < 0 ? "" : (words.splice(at, 2)[1] ?? "");
}
