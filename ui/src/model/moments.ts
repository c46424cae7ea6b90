// Instants, ages, countdowns and durations in words.

const SECOND = 1;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds since 1970, or null for "never" (the year 1) and for what is not an instant. */
export function instant(text: string | null | undefined): number | null {
  if (!text || text.startsWith("0001-")) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** `45s`, `6m`, `3h 12m`, `2d 4h`: two units at most. */
export function brief(seconds: number): string {
  const all = Math.max(0, seconds);
  if (all < MINUTE) return `${Math.floor(all)}s`;
  if (all < 10 * MINUTE) return two(all, MINUTE, "m", SECOND, "s");
  if (all < HOUR) return `${Math.floor(all / MINUTE)}m`;
  if (all < DAY) return two(all, HOUR, "h", MINUTE, "m");
  if (all < 30 * DAY) return two(all, DAY, "d", HOUR, "h");
  return `${Math.floor(all / DAY)}d`;
}

function two(all: number, large: number, name: string, small: number, rest: string): string {
  const whole = Math.floor(all / large);
  const left = Math.floor((all - whole * large) / small);
  return left ? `${whole}${name} ${left}${rest}` : `${whole}${name}`;
}

/** How long something took: `0.4s`, `12s`, `3m 5s`. */
export function took(seconds: number): string {
  if (seconds < 0.01) return "0s";
  if (seconds < 1) return `${seconds.toFixed(2)}s`;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  return brief(seconds);
}

/** A bound as its author would write it: `1d`, `90m`. */
export function exact(seconds: number): string {
  if (seconds <= 0) return "0s";
  for (const [size, name] of [
    [DAY, "d"],
    [HOUR, "h"],
    [MINUTE, "m"],
  ] as const) {
    if (seconds % size === 0) return `${seconds / size}${name}`;
  }
  return `${seconds}s`;
}

const UNITS: Record<string, number> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** Seconds of `1d`, `90m`, `1h30m`; null if it is not a duration. */
export function duration(text: string): number | null {
  const tight = text.replace(/\s+/g, "").toLowerCase();
  if (!/^(\d+(\.\d+)?[smhdw])+$/.test(tight)) return null;
  let sum = 0;
  for (const part of tight.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)) {
    sum += Number(part[1]) * (UNITS[part[2] ?? ""] ?? 0);
  }
  return sum > 0 ? sum : null;
}

/** `in 3h 12m`, `now`, `2m ago`. */
export function countdown(at: number, now: number): string {
  const left = (at - now) / 1000;
  if (left >= 1) return `in ${brief(left)}`;
  return left > -1 ? "now" : `${brief(-left)} ago`;
}

/** In the reader's zone. With the day, if it is not today. */
export function localTime(at: number, now: number = Date.now(), zone?: string): string {
  const day = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone } as const;
  const clock = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZone: zone,
  }).format(at);
  const same = new Intl.DateTimeFormat("en-CA", day);
  if (same.format(at) === same.format(now)) return clock;
  const date = new Intl.DateTimeFormat(undefined, {
    weekday: "short",
    day: "numeric",
    month: "short",
    ...(Math.abs(at - now) > 300 * DAY * 1000 ? { year: "numeric" } : {}),
    timeZone: zone,
  } as Intl.DateTimeFormatOptions).format(at);
  return `${date} ${clock}`;
}

/** `2030-01-02T02:00` in the reader's zone, as an input for moments has it. */
export function localMinute(at: number): string {
  const behind = new Date(at).getTimezoneOffset() * MINUTE * 1000;
  return new Date(at - behind).toISOString().slice(0, 16);
}

/** The same to the second. */
export function localSecond(at: number): string {
  const behind = new Date(at).getTimezoneOffset() * MINUTE * 1000;
  return new Date(at - behind).toISOString().slice(0, 19);
}

/** `2030-01-02 02:00:00 UTC`. */
export function utcTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
