// The live status of the Catchment: one long poll, shared by all parts of the page.

import { useSyncExternalStore } from "react";
import { graphOf, type Graph, type Line } from "../model/lines";
import { api, Refusal } from "./client";

export type Connection = "connecting" | "live" | "paused" | "lost";

interface Live {
  graph: Graph | null;
  connection: Connection;
  /** Milliseconds that the server's clock is ahead of this one. */
  ahead: number;
  fault: Refusal | null;
}

const WAIT_SECONDS = 20;
const PAUSE_MS = 250;
const MOST_PAUSE_MS = 15_000;

let live: Live = { graph: null, connection: "connecting", ahead: 0, fault: null };
let version: string | null = null;
let asking: AbortController | null = null;
let stopped = false;
const listeners = new Set<() => void>();

function update(change: Partial<Live>): void {
  live = { ...live, ...change };
  for (const listener of listeners) listener();
}

/** Starts to follow the status. While the tab is hidden, nothing is asked. */
export function followStatus(): void {
  stopped = false;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pause();
    else void follow();
  });
  void follow();
}

export function stopFollowing(): void {
  stopped = true;
  asking?.abort();
}

function pause(): void {
  asking?.abort();
  asking = null;
  update({ connection: "paused" });
}

async function follow(): Promise<void> {
  if (asking || stopped) return;
  const controller = new AbortController();
  asking = controller;
  let failures = 0;
  while (!controller.signal.aborted && !stopped) {
    try {
      await askOnce(controller.signal);
      failures = 0;
      if (document.hidden) return pause();
      await sleep(PAUSE_MS);
    } catch (error) {
      if (controller.signal.aborted) return;
      failures += 1;
      const fault = error instanceof Refusal ? error : null;
      update({ connection: "lost", fault });
      await sleep(Math.min(1000 * 2 ** (failures - 1), MOST_PAUSE_MS));
    }
  }
}

async function askOnce(signal: AbortSignal): Promise<void> {
  const told = await api.status(version, WAIT_SECONDS, signal);
  version = told.version;
  if (told.answer) {
    const graph = graphOf(told.answer, live.graph);
    update({ graph, connection: "live", ahead: graph.now - Date.now(), fault: null });
  } else {
    update({ connection: "live", fault: null });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useGraph = (): Graph | null => useSyncExternalStore(subscribe, () => live.graph);

export const useLine = (name: string): Line | null =>
  useSyncExternalStore(subscribe, () => live.graph?.byName.get(name) ?? null);

export const useConnection = (): Connection =>
  useSyncExternalStore(subscribe, () => live.connection);

export const useStatusFault = (): Refusal | null =>
  useSyncExternalStore(subscribe, () => live.fault);

/** Now, by the server's clock. */
export const serverNow = (): number => Date.now() + live.ahead;

export const latestGraph = (): Graph | null => live.graph;
