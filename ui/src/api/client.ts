// Requests to the page's own server. Nothing here goes to another origin.

import type {
  BudgetAnswer,
  ComputeAnswer,
  ControlAnswer,
  Fault,
  RunsAnswer,
  TriggerAnswer,
  WindowAnswer,
} from "../answers";
import type {
  BudgetChange,
  Catchment,
  ComputeChange,
  Control,
  CostTold,
  DoctorTold,
  Grid,
  LineDetail,
  Logs,
  RunDetail,
  StatusUpdate,
  Trigger,
  WindowChange,
} from "./shapes";
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

async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return (await (await send(path, signal ? { signal } : {})).json()) as Answer;
}

async function post<Answer>(path: string, body: unknown): Promise<Answer> {
  const response = await send(path, { method: "POST", body: JSON.stringify(body) });
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

const part = encodeURIComponent;

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
  rows: (line: string, table: string, limit: number, signal?: AbortSignal) =>
    get<Grid>(`rows/${part(line)}/${part(table)}${query({ limit })}`, signal),
  query: (line: string, sql: string, limit: number) => post<Grid>("query", { line, sql, limit }),
  doctor: (signal?: AbortSignal) => get<DoctorTold>("doctor", signal),
  trigger: (asked: Trigger) => post<TriggerAnswer>("trigger", asked),
  control: (asked: Control) => post<ControlAnswer>("control", asked),
  budgets: (asked: BudgetChange) => post<BudgetAnswer>("budgets", asked),
  compute: (asked: ComputeChange) => post<ComputeAnswer>("compute", asked),
  window: (asked: WindowChange) => post<WindowAnswer>("window", asked),
  async export(line: string, sql: string, format: "csv" | "parquet"): Promise<Blob> {
    const body = JSON.stringify({ line, sql, format });
    return (await send("export", { method: "POST", body })).blob();
  },
};
