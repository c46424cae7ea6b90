import { brief, countdown, instant, localTime, utcTime } from "../model/moments";
import { useMoment } from "./clock";

/** An instant in the reader's zone, with UTC on hover. */
export function Time({
  at,
  never = "never",
}: {
  at: string | number | null | undefined;
  never?: string;
}) {
  const when = typeof at === "number" ? at : instant(at);
  if (when === null) return <span>{never}</span>;
  return (
    <time dateTime={new Date(when).toISOString()} title={utcTime(when)}>
      {localTime(when)}
    </time>
  );
}

/** An age that grows by itself. */
export function Age({ from, never = "never run" }: { from: number | null; never?: string }) {
  const text = useMoment((now) => (from === null ? never : brief((now - from) / 1000)));
  return <span title={from === null ? undefined : `since ${utcTime(from)}`}>{text}</span>;
}

/** `in 3h 12m`, counting down. */
export function Countdown({ to }: { to: number }) {
  const text = useMoment((now) => countdown(to, now));
  return <span title={`${localTime(to)} · ${utcTime(to)}`}>{text}</span>;
}
