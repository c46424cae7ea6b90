// Positions from elkjs in a worker. Laid out again only if the set of nodes or edges changes.

import ELK, { type ElkNode } from "elkjs/lib/elk-api";
import { useEffect, useState } from "react";
import workerUrl from "elkjs/lib/elk-worker.min.js?worker&url";
import { elkGraph, plainLayout, type LayoutInput, type Positions } from "../model/layout";

const KEY = "duckstring-layout";

let elk: InstanceType<typeof ELK> | null = null;

function engine(): InstanceType<typeof ELK> {
  elk ??= new ELK({
    workerFactory: () =>
      new Worker(workerUrl, { type: import.meta.env.DEV ? "module" : "classic" }),
  });
  return elk;
}

// The worker takes a while to start: it starts while the first status is on its way.
if (sessionStorage.getItem(KEY) === null) engine();

interface Laid {
  key: string;
  positions: Positions;
}

function remembered(key: string): Laid | null {
  try {
    const held = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Laid | null;
    return held?.key === key ? held : null;
  } catch {
    return null;
  }
}

function remember(laid: Laid): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(laid));
  } catch {
    // Full or forbidden: it is laid out again next time.
  }
}

async function layOut(input: LayoutInput): Promise<Positions> {
  try {
    const laid = await engine().layout(elkGraph(input) as unknown as ElkNode);
    return Object.fromEntries(
      (laid.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: child.y ?? 0 }]),
    );
  } catch {
    return plainLayout(input);
  }
}

/** Null until the first layout is there. After that, the last one until the next. */
export function useLayout(input: LayoutInput | null): Laid | null {
  const [laid, setLaid] = useState<Laid | null>(() => (input ? remembered(input.key) : null));
  const key = input?.key ?? null;
  useEffect(() => {
    if (!input || laid?.key === input.key) return undefined;
    const held = remembered(input.key);
    if (held) {
      setLaid(held);
      return undefined;
    }
    let stale = false;
    void layOut(input).then((positions) => {
      if (stale) return;
      const found = { key: input.key, positions };
      remember(found);
      setLaid(found);
    });
    return () => {
      stale = true;
    };
    // The key says all that matters of the input.
  }, [key]);
  return laid;
}
