// Requests to the page's own server. Nothing here goes to another origin.

import type {
  AuditAnswer,
  BudgetAnswer,
  ComputeAnswer,
  ControlAnswer,
  Fault,
  KeptAnswer,
  LakeAnswer,
  LineageAnswer,
  PublishAnswer,
  ReplayAnswer,
  RunsAnswer,
  TablesAnswer,
  TriggerAnswer,
  WhyAnswer,
  WindowAnswer,
} from "../answers";
import type {
  BudgetChange,
  Catchment,
  ComputeChange,
  Control,
  CostTold,
  Difference,
  DoctorTold,
  Grid,
  LineDetail,
  Logs,
  Published,
  RunDetail,
  SqlAsked,
  StatusUpdate,
  Trigger,
  WindowChange,
} from "./shapes";
import { after, eachLine, type Rows } from "./rows";
import { renewToken, token } from "./token";

/** The server refused a request, or nothing answered. */
export class Refusal extends Error {
  readonly type: string;
  readonly hint: string;

  constructor(fault: Fault) {
    super(fault.message);
    this.type = fault.type;
    this.hint = fault.hint;
  }
}

let whenExpired = (): void => undefined;

export function onExpired(listener: () => void): void {
  whenExpired = listener;
}

const NOBODY: Fault = {
  type: "NoAnswer",
  message: "The page's server does not answer.",
  hint: "Is duckstring ui still running?",
};

const CUT: Fault = {
  type: "NoAnswer",
  message: "The rows ended before all of them had come.",
  hint: "Is duckstring ui still running?",
};

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const ask = (): Promise<Response> =>
    fetch(`/api/${path}`, {
      ...init,
      cache: "no-store",
      headers: {
        Authorization: `Bearer ${token() ?? ""}`,
        ...(init.body ? { "Content-Type": "application/json" } : {}),
      },
    });
  let response: Response;
  try {
    response = await ask();
    if (response.status === 401 && (await renewToken())) response = await ask();
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refusal(NOBODY);
  }
  if (response.ok) return response;
  if (response.status === 401) whenExpired();
  throw new Refusal(await faultOf(response));
}

async function faultOf(response: Response): Promise<Fault> {
  const otherwise = {
    type: "BadAnswer",
    message: `The page's server answered with status ${response.status}.`,
    hint: "",
  };
  try {
    const body = (await response.json()) as { error?: Partial<Fault> };
    return { ...otherwise, ...body.error };
  } catch {
    return otherwise;
  }
}

export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return (await (await send(path, signal ? { signal } : {})).json()) as Answer;
}

/** `note`: why, for those who look later. */
export async function post<Answer>(path: string, body: object, note = ""): Promise<Answer> {
  const asked = note ? { ...body, note } : body;
  const response = await send(path, { method: "POST", body: JSON.stringify(asked) });
  return (await response.json()) as Answer;
}

/** `since` and `until` are instants; `before` is a run: only older ones are wanted. */
export interface RunsAsked {
  pond?: string;
  status?: string;
  since?: string | undefined;
  until?: string | undefined;
  before?: string;
  limit?: number;
}

/** `by`: a part of a name; `before`: an instant, only older changes are wanted. */
export interface AuditAsked {
  pond?: string;
  by?: string;
  since?: string | undefined;
  before?: string | undefined;
  limit?: number;
}

export const part = encodeURIComponent;

function query(values: Record<string, string | number | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : "";
}

export const api = {
  catchment: (signal?: AbortSignal) => get<Catchment>("catchment", signal),
  status: (after: string | null, wait: number, signal: AbortSignal) =>
    get<StatusUpdate>(`status${query(after === null ? {} : { after, wait })}`, signal),
  line: (line: string, signal?: AbortSignal) => get<LineDetail>(`line/${part(line)}`, signal),
  runs: (asked: RunsAsked, signal?: AbortSignal) =>
    get<RunsAnswer>(`runs${query({ ...asked })}`, signal),
  run: (line: string, number: number, signal?: AbortSignal) =>
    get<RunDetail>(`run/${part(line)}/${number}`, signal),
  cost: (line: string, days: number, signal?: AbortSignal) =>
    get<CostTold>(`cost/${part(line)}${query({ days })}`, signal),
  logs: (
    line: string,
    number: number,
    asked: { ripple?: string; attempt?: number },
    signal?: AbortSignal,
  ) => get<Logs>(`logs/${part(line)}/${number}${query(asked)}`, signal),
  rows: (
    line: string,
    table: string,
    asked: { limit: number; snapshot?: number },
    signal?: AbortSignal,
  ) => get<Grid>(`rows/${part(line)}/${part(table)}${query(asked)}`, signal),
  tables: (line: string, snapshot: number, signal?: AbortSignal) =>
    get<TablesAnswer>(`tables/${part(line)}${query({ snapshot })}`, signal),
  kept: (line: string, before?: number, signal?: AbortSignal) =>
    get<KeptAnswer>(`kept/${part(line)}${query({ before })}`, signal),
  wouldPublish: (line: string, snapshot: number, signal?: AbortSignal) =>
    get<PublishAnswer>(`publish/${part(line)}/${snapshot}`, signal),
  publish: (asked: Published, note?: string) => post<PublishAnswer>("publish", asked, note),
  diff: (
    line: string,
    table: string,
    asked: { from: number; to: number; key: string[] },
    signal?: AbortSignal,
  ) => {
    const key = asked.key.map((name) => `&key=${part(name)}`).join("");
    const numbers = query({ from: asked.from, to: asked.to });
    return get<Difference>(`diff/${part(line)}/${part(table)}${numbers}${key}`, signal);
  },
  lineage: (
    line: string,
    asked: { table: string; up: number; down: number },
    signal?: AbortSignal,
  ) => get<LineageAnswer>(`lineage/${part(line)}${query(asked)}`, signal),
  lake: (signal?: AbortSignal) => get<LakeAnswer>("lake", signal),
  /** Rows as they come: `on` gets all that are known by then. */
  async sql(
    asked: SqlAsked & { limit: number },
    on: (rows: Rows) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await send("sql", { method: "POST", body: JSON.stringify(asked), signal });
    if (!response.body) throw new Refusal(NOBODY);
    let held: Rows | null = null;
    try {
      await eachLine(response.body, (line) => {
        held = after(held, line);
        on(held);
      });
    } catch (error) {
      if (error instanceof Refusal || signal.aborted) throw error;
      throw new Refusal(NOBODY);
    }
    if (!(held as Rows | null)?.end) throw new Refusal(CUT);
  },
  names: async (word: string, signal: AbortSignal) =>
    (
      (await (
        await send("names", { method: "POST", body: JSON.stringify({ word }), signal })
      ).json()) as { names: string[] }
    ).names,
  why: (line: string, at: string | null, signal?: AbortSignal) =>
    get<WhyAnswer>(`why/${part(line)}${query({ at: at ?? undefined })}`, signal),
  replay: (
    line: string,
    asked: { from: string; until: string; after?: string },
    signal?: AbortSignal,
  ) => get<ReplayAnswer>(`replay/${part(line)}${query(asked)}`, signal),
  audit: (asked: AuditAsked, signal?: AbortSignal) =>
    get<AuditAnswer>(`audit${query({ ...asked })}`, signal),
  doctor: (signal?: AbortSignal) => get<DoctorTold>("doctor", signal),
  trigger: (asked: Trigger, note?: string) => post<TriggerAnswer>("trigger", asked, note),
  control: (asked: Control, note?: string) => post<ControlAnswer>("control", asked, note),
  budgets: (asked: BudgetChange, note?: string) => post<BudgetAnswer>("budgets", asked, note),
  compute: (asked: ComputeChange, note?: string) => post<ComputeAnswer>("compute", asked, note),
  window: (asked: WindowChange, note?: string) => post<WindowAnswer>("window", asked, note),
  async export(asked: SqlAsked, format: "csv" | "parquet", signal: AbortSignal): Promise<Blob> {
    const body = JSON.stringify({ ...asked, format });
    return (await send("export", { method: "POST", body, signal })).blob();
  },
};
