// Requests of who operates a Catchment: maintenance, limits, bounds, tags, alerts and backlogs.

import type {
  LimitAnswer,
  MaintenanceAnswer,
  PriorityAnswer,
  StaleAnswer,
  TagAnswer,
  WaitingObject,
} from "../answers";
import { get, part, post } from "./client";

/** How many objects wait for a line's Ripples, and the oldest of them. */
export interface BacklogTold {
  line: string;
  waiting: number;
  objects: WaitingObject[];
}

export type AlertKind = "slack" | "webhook" | "email";
export type AlertOn = "failed" | "stale" | "recovered";

/** `to`: a host, or the address of a mailbox; never a whole URL. */
export interface AlertTold {
  name: string;
  kind: string;
  to: string;
  on: string[];
  ponds: string[];
  state: string;
}

export interface AlertsTold {
  alerts: AlertTold[];
}

export interface NewAlert {
  kind: AlertKind;
  to: string;
  header?: string;
  value?: string;
  on: AlertOn[];
  ponds: string[];
  name?: string;
}

/** As `POST /api/stale` takes it: an age, a time of day, neither (never stale), or the Tide's. */
export type BoundChange =
  | { action: "tide" }
  | {
      action: "set";
      bound: { within?: number; at?: string; tz?: string | null; on?: string[] | null };
    };

export interface TagChange {
  put: Record<string, string>;
  remove: string[];
}

export const operating = {
  maintenance: (action: "on" | "off", note: string) =>
    post<MaintenanceAnswer>("maintenance", { action }, note),
  setLimit: (name: string, tokens: number, note: string) =>
    post<LimitAnswer>("limit", { action: "set", name, tokens }, note),
  removeLimit: (name: string, note: string) =>
    post<LimitAnswer>("limit", { action: "remove", name }, note),
  priority: (line: string, priority: number, note: string) =>
    post<PriorityAnswer>("priority", { line, priority }, note),
  bound: (line: string, change: BoundChange, note: string) =>
    post<StaleAnswer>("stale", { line, ...change }, note),
  tag: (line: string, change: TagChange, note: string) =>
    post<TagAnswer>("tag", { line, ...change }, note),
  backlog: (line: string, signal?: AbortSignal) =>
    get<BacklogTold>(`backlog/${part(line)}`, signal),
  alerts: (signal?: AbortSignal) => get<AlertsTold>("alerts", signal),
  addAlert: (asked: NewAlert) => post<AlertsTold>("alert", { action: "add", ...asked }),
  testAlert: (name: string) =>
    post<{ name: string; error: string | null }>("alert", { action: "test", name }),
  removeAlert: (name: string) => post<AlertsTold>("alert", { action: "remove", name }),
};
