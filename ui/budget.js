// Prints the size of the built JavaScript after gzip, and fails above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const PAGE_KB = 250; // everything that is needed before the first paint, and all views
const LAYOUT_KB = 450; // elkjs, in its own file, loaded by a worker after the first paint

const folder = new URL("./dist/assets/", import.meta.url).pathname;
const sizes = readdirSync(folder)
  .filter((name) => name.endsWith(".js") || name.endsWith(".css"))
  .map((name) => [name, gzipSync(readFileSync(join(folder, name)), { level: 9 }).length / 1000]);
const sum = (rows) => rows.reduce((total, [, kb]) => total + kb, 0);
const scripts = sizes.filter(([name]) => name.endsWith(".js"));
const layout = sum(scripts.filter(([name]) => name.includes("elk")));
const page = sum(scripts) - layout;
for (const [name, kb] of sizes) console.log(`${kb.toFixed(1).padStart(8)} kB gzip  ${name}`);
console.log(
  `page ${page.toFixed(1)} of ${PAGE_KB} kB, layout worker ${layout.toFixed(1)} of ${LAYOUT_KB} kB`,
);
if (page > PAGE_KB || layout > LAYOUT_KB) {
  console.error("The JavaScript is larger than its budget.");
  process.exit(1);
}
