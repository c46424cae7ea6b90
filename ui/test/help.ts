import { line } from "../dev/demo.ts";
import { demo } from "../dev/demo.ts";
import { graphOf, type Graph } from "../src/model/lines";

export const NOW = Date.parse("2030-01-02T12:00:00Z");

export const world = (): Graph =>
  graphOf({ now: new Date(NOW).toISOString(), lines: demo(NOW) }, null);

export { line };
