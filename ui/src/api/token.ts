// The token of this start: from the address, from this tab, or from another open tab.

const KEY = "duckstring-token";
const CHANNEL = "duckstring-token";
const ANSWER_MS = 400;

let held: string | null = null;

export function token(): string | null {
  return held;
}

/** Finds the token, and removes it from the address bar. */
export async function findToken(): Promise<string | null> {
  held = fromAddress() ?? sessionStorage.getItem(KEY) ?? (await fromOtherTabs(null));
  if (held) sessionStorage.setItem(KEY, held);
  answerOtherTabs();
  return held;
}

/** Another tab may have been opened by a later start. True if it had another token. */
export async function renewToken(): Promise<boolean> {
  const other = await fromOtherTabs(held);
  if (!other || other === held) return false;
  held = other;
  sessionStorage.setItem(KEY, other);
  return true;
}

const inAddress = (): string | null =>
  new URLSearchParams(window.location.hash.slice(1)).get("token");

export const hasToken = (): boolean => inAddress() !== null;

function fromAddress(): string | null {
  const found = inAddress();
  if (found) {
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
  }
  return found;
}

interface Message {
  kind: "ask" | "tell";
  token?: string;
}

/** `refused`: a token that the server does not know any more. */
function fromOtherTabs(refused: string | null): Promise<string | null> {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(CHANNEL);
    const done = (found: string | null): void => {
      channel.close();
      resolve(found);
    };
    channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.kind === "tell" && data.token && data.token !== refused) done(data.token);
    };
    channel.postMessage({ kind: "ask" } satisfies Message);
    setTimeout(() => done(null), ANSWER_MS);
  });
}

function answerOtherTabs(): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === "ask" && held) {
      channel.postMessage({ kind: "tell", token: held } satisfies Message);
    }
  };
}
