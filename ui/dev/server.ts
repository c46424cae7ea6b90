// A stand-in for the page's server, for development and for looking at the built page.
// DUCKSTRING_PONDS=500 gives a synthetic Catchment. READ_ONLY=1 gives a page without actions.
// DOCTOR=well is a Catchment of which nothing is wrong.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import type { LineStatus } from "../src/answers";
import { demo, iso, startRun } from "./demo.ts";
import { doctorOf } from "./doctor.ts";
import { differenceOf, keptOf, lakeOf, lineageOf, linesOf, namesOf, wouldPublish } from "./data.ts";
import { grid, logsOf, runOf, runsOf, tablesOf } from "./history.ts";
import { arrivalsOf, backlogOf, boundOf, Operated, tag } from "./operating.ts";
import { auditOf, auditRows, replayOf, whyOf } from "./past.ts";
import { synthetic } from "./synthetic.ts";

const TOKEN = "dev";
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

class Refused extends Error {}

class NotKept extends Refused {
  constructor(line: string, at: string) {
    super(
      `What ${line} was like at ${at} is not known: its journal begins at 2030-01-01 06:00 UTC.`,
    );
  }
}

/** One line refuses everything, so that a refusal can be looked at. */
function refuseSome(line: LineStatus): void {
  if (line.line === "products@1")
    throw new Refused("products@1 is being deployed by ada. Nothing was changed.");
}

class World {
  lines: LineStatus[];
  operated: Operated;
  at = Date.now();
  version = 1;

  constructor() {
    const count = Number(process.env["DUCKSTRING_PONDS"] ?? 0);
    this.lines = count ? synthetic(count, this.at) : demo(this.at);
    this.operated = new Operated(this.lines, this.at);
  }

  now(): number {
    return Date.now();
  }

  find(name: string): LineStatus {
    const found = this.lines.find((each) => each.line === name);
    if (!found) throw new Refused(`'${name}' is not a line of this Catchment.`);
    return found;
  }

  changed(): void {
    this.version += 1;
  }

  status(): unknown {
    const passed = (this.now() - this.at) / 1000;
    return {
      now: iso(this.now()),
      limits: this.operated.limits,
      maintenance: this.operated.hold,
      lines: this.lines.map((each) => ({
        ...each,
        staleness_seconds: each.staleness_seconds === null ? null : each.staleness_seconds + passed,
      })),
    };
  }

  run(line: LineStatus): void {
    startRun(line, this.now());
    line.reason = "";
    line.failure = null;
    line.retry_at = null;
    this.changed();
    setTimeout(() => {
      if (!line.runs.length) return;
      line.status = "idle";
      line.runs = [];
      line.demand = { pull: false, targets: [], woken: false, forced: false };
      line.staleness_seconds = (this.at - this.now()) / 1000;
      line.ripples.forEach((ripple) => {
        ripple.status = "done";
      });
      this.changed();
    }, 9000);
  }

  trigger(body: Record<string, unknown>): unknown {
    const line = this.find(`${String(body["pond"])}@${String(body["major"])}`);
    refuseSome(line);
    const kind = body["kind"];
    if (kind === "wave") line.trigger = { kind: "wave" };
    else if (kind === "tide") line.trigger = { kind: "tide", bound: Number(body["bound"]) };
    else if (kind === "remove") line.trigger = null;
    else if (["failed", "blocked", "killed"].includes(line.status)) {
      line.demand.pull = true;
      this.changed();
      return {
        line: line.line,
        epoch: iso(this.now()),
        applied: true,
        warnings: [`Kept: ${line.line} runs for it when it recovers.`],
      };
    } else this.run(line);
    this.changed();
    return { line: line.line, epoch: iso(this.now()), applied: true, warnings: [] };
  }

  control(body: Record<string, unknown>): unknown {
    const line = this.find(String(body["line"]));
    refuseSome(line);
    const previous = line.status;
    const stopped = line.runs.map((run) => run.run);
    if (body["verb"] === "kill") {
      line.runs = [];
      line.status = "killed";
    } else if (body["verb"] === "sleep") {
      line.asleep = true;
      line.trigger = null;
    } else if (body["verb"] === "clear") {
      line.status = "idle";
      line.failure = null;
    } else this.run(line);
    this.changed();
    return {
      lines: [line.line],
      applied: true,
      previous,
      status: line,
      runs: body["verb"] === "kill" ? stopped : [],
      warnings: [],
    };
  }

  window(body: Record<string, unknown>): unknown {
    const line = this.find(String(body["line"]));
    line.windows = line.windows.filter((each) => each.name !== body["name"]);
    if (body["action"] === "add") {
      const start = this.now() + 3_600_000;
      line.windows.push({
        name: String(body["name"]),
        start: String(body["start"]),
        every: Number(body["every"] ?? 0),
        duration: Number(body["duration"] ?? 0),
        tz: String(body["tz"] ?? ""),
        cron: String(body["cron"] ?? ""),
        on: (body["on"] as string[] | undefined) ?? [],
        until: null,
        open: null,
        next: { start: iso(start), end: iso(start + Number(body["duration"] ?? 0) * 1000) },
        carried_by: "schedule",
      });
    }
    this.changed();
    return {
      line: line.line,
      now: iso(this.now()),
      windows: line.windows,
      ahead: null,
      applied: true,
    };
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return parts.length
    ? (JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>)
    : {};
}

async function answer(world: World, url: URL, body: Record<string, unknown>): Promise<unknown> {
  const [, name, one = "", two = ""] = url.pathname
    .split("/")
    .filter(Boolean)
    .map(decodeURIComponent);
  const asked = url.searchParams;
  switch (name) {
    case "catchment":
      return {
        name: "dev",
        kind: "local",
        where: "http://127.0.0.1:28660",
        version: "0.1.0",
        read_only: !!process.env["READ_ONLY"],
        can_act: true,
      };
    case "status": {
      const until = Date.now() + Number(asked.get("wait") ?? 0) * 1000;
      while (asked.get("after") === String(world.version) && Date.now() < until)
        await new Promise((done) => setTimeout(done, 200));
      return {
        version: String(world.version),
        answer: asked.get("after") === String(world.version) ? null : world.status(),
      };
    }
    case "line": {
      const line = world.find(one);
      return {
        line,
        runs: runsOf([line], world.now()),
        tables: tablesOf(line),
        arrivals: arrivalsOf(line),
      };
    }
    case "runs": {
      const rows = runsOf(world.lines, world.now()).filter(
        (row) =>
          (!asked.get("pond") ||
            row.pond === asked.get("pond") ||
            `${row.pond}@${row.major}` === asked.get("pond")) &&
          (!asked.get("status") || row.status === asked.get("status")) &&
          row.started >= (asked.get("since") ?? "") &&
          row.started < (asked.get("until") ?? "~"),
      );
      const before = rows.findIndex((row) => row.run === asked.get("before"));
      rows.splice(0, before + 1);
      return { runs: rows.slice(0, Number(asked.get("limit") ?? 50)) };
    }
    case "run":
    case "logs": {
      const line = world.find(one);
      const row = runsOf([line], world.now()).find((each) => each.number === Number(two));
      if (!row) throw new Refused(`Run ${one}/${two} is not known.`);
      const run = runOf(line, row);
      return name === "run"
        ? { ...run, usd: 0.00042, asked_by: auditRows(world.lines, world.now()).slice(0, 2) }
        : logsOf(
            run,
            asked.get("ripple"),
            asked.get("attempt") ? Number(asked.get("attempt")) : null,
          );
    }
    case "rows":
      return grid(Number(asked.get("limit") ?? 200));
    case "tables":
      return { ...tablesOf(world.find(one)), snapshot: Number(asked.get("snapshot") ?? 41) };
    case "kept":
      return keptOf(world.find(one), world.now(), Number(asked.get("before") ?? 0));
    case "publish":
      if (two) return wouldPublish(world.find(one), Number(two));
      refuseSome(world.find(String(body["line"])));
      return { ...wouldPublish(world.find(String(body["line"])), 1), applied: true };
    case "diff":
      return differenceOf(world.find(one), two, asked);
    case "lineage":
      return lineageOf(world.lines, world.find(one), String(asked.get("table")), asked);
    case "lake":
      return lakeOf(world.lines, world.now());
    case "names":
      return namesOf(world.lines, String(body["word"]));
    case "why": {
      const at = asked.get("at");
      if (at && Date.parse(at) < world.now() - 30 * 86_400_000) throw new NotKept(one, at);
      return whyOf(world.lines, world.find(one), at, world.now());
    }
    case "replay":
      return replayOf(world.find(one), asked, world.now());
    case "audit":
      return auditOf(world.lines, asked, world.now());
    case "doctor":
      await new Promise((done) => setTimeout(done, 1500));
      return doctorOf(process.env["DOCTOR"]);
    case "backlog":
      return backlogOf(world.find(one), world.now());
    case "alerts":
      return { alerts: world.operated.alerts };
    case "alert":
      return world.operated.alert(body);
    case "maintenance":
      world.changed();
      return world.operated.maintenance(body, world.lines, world.now());
    case "limit":
      world.changed();
      return world.operated.limit(body, world.now());
    case "priority":
    case "stale":
    case "tag": {
      const line = world.find(String(body["line"]));
      refuseSome(line);
      if (name === "priority") line.priority = Number(body["priority"]);
      else if (name === "stale") boundOf(line, body, world.now());
      else tag(world.lines, line, body);
      world.changed();
      return { line: line.line, priority: line.priority, bound: line.bound, applied: true };
    }
    case "trigger":
      return world.trigger(body);
    case "control":
      return world.control(body);
    case "window":
      return world.window(body);
    case "budgets": {
      const line = world.find(String(body["line"]));
      line.budgets = { ...line.budgets, ...(body as object) };
      world.changed();
      return { line: line.line, ...line.budgets, failures: line.failures, applied: true };
    }
    case "compute": {
      const ripple = world
        .find(String(body["line"]))
        .ripples.find((each) => each.name === body["ripple"]);
      if (ripple) {
        ripple.runs_on = body["place"] === "task" ? "task" : "lambda";
        ripple.task_mib = Number(body["memory_mib"] ?? 0);
        ripple.decided_by = body["place"] === "auto" ? "default" : "operator";
      }
      world.changed();
      return {
        line: body["line"],
        function: { memory_mib: 2048, seconds: 900 },
        ripples: [],
        applied: true,
      };
    }
    default:
      throw new Refused(`There is no /api/${name ?? ""}.`);
  }
}

function handler(world: World) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    next: () => void,
  ): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (!url.pathname.startsWith("/api/")) return next();
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    };
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return send(401, { error: { type: "Unauthorized", message: "Wrong token.", hint: "" } });
    try {
      const body = await bodyOf(request);
      if (url.pathname === "/api/sql") {
        const sql = String(body["sql"]);
        if (!/^\s*(select|from|with|describe)/i.test(sql))
          throw new Refused(
            `Parser Error: syntax error at or near "${sql.split(/\s/)[0] ?? ""}"\n\nLINE 1: ${sql}\n        ^`,
          );
        response.writeHead(200, { "Content-Type": "application/x-ndjson" });
        for (const line of linesOf(sql, body)) {
          response.write(`${JSON.stringify(line)}\n`);
          if (sql.includes("slow")) await new Promise((done) => setTimeout(done, 400));
          if (response.destroyed) return;
        }
        response.end();
        return;
      }
      if (url.pathname === "/api/export") {
        response.writeHead(200, { "Content-Type": "text/csv" }).end("order_id,region\n1,north\n");
        return;
      }
      send(200, await answer(world, url, body));
    } catch (error) {
      send(400, {
        error: {
          type: error instanceof NotKept ? "NotKeptError" : "BadInputError",
          message: (error as Error).message,
          hint: error instanceof Refused ? "See docs/operate.md." : "",
        },
      });
    }
  };
}

export function fixtureServer(): Plugin {
  return {
    name: "duckstring-fixtures",
    configureServer(server) {
      server.middlewares.use(handler(new World()));
    },
    configurePreviewServer(server) {
      server.middlewares.use((_request, response, next) => {
        response.setHeader("Content-Security-Policy", CSP);
        next();
      });
      server.middlewares.use(handler(new World()));
    },
  };
}
