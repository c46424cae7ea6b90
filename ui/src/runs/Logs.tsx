import { useEffect, useRef, useState } from "react";
import { api, Refusal } from "../api/client";
import type { Logs as Answer } from "../api/shapes";
import { instant, utcTime } from "../model/moments";
import { oneLine, visible } from "../model/text";
import { Loading, Refused } from "../parts/Empty";

const POLL_MS = 2000;
const MOST_LINES = 5000;

interface Props {
  line: string;
  number: number;
  ripple: string | null;
  attempt: number | null;
}

/** What the Ripples logged and printed. Follows while the run goes on. */
export function Logs({ line, number, ripple, attempt }: Props) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [fault, setFault] = useState<Refusal | null>(null);
  const [follows, setFollows] = useState(true);
  const [round, setRound] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    setAnswer(null);
    setFault(null);
  }, [line, number, ripple, attempt]);
  useEffect(() => {
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async (): Promise<void> => {
      try {
        const told = await api.logs(
          line,
          number,
          {
            ...(ripple ? { ripple } : {}),
            ...(attempt ? { attempt } : {}),
          },
          controller.signal,
        );
        setAnswer(told);
        setFault(null);
        if (told.going && follows) timer = setTimeout(() => void again(), POLL_MS);
      } catch (error) {
        if (error instanceof Refusal) setFault(error);
      }
    };
    const again = async (): Promise<void> => {
      if (document.hidden) timer = setTimeout(() => void again(), POLL_MS);
      else await ask();
    };
    void ask();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [line, number, ripple, attempt, follows, round]);
  useEffect(() => {
    if (follows && answer?.going) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [answer, follows]);
  return (
    <section className="part" aria-label="Log">
      <div className="part-head">
        <h2>
          Log{ripple ? ` of ${oneLine(ripple, 40)}${attempt ? `, attempt ${attempt}` : ""}` : ""}
        </h2>
        {answer?.going && (
          <label className="check">
            <input
              type="checkbox"
              checked={follows}
              onChange={(event) => setFollows(event.target.checked)}
            />{" "}
            follow
          </label>
        )}
        <button type="button" className="small" onClick={() => setRound((count) => count + 1)}>
          Reload
        </button>
      </div>
      {fault && <Refused fault={fault} again={() => setRound((count) => count + 1)} />}
      {!answer && !fault && <Loading what="the log" />}
      {answer && !answer.lines.length && (
        <p>
          {answer.going
            ? "Nothing is logged yet."
            : "Nothing was logged, or the log is no longer kept."}
        </p>
      )}
      {answer && answer.lines.length > 0 && (
        <div
          ref={box}
          className="log"
          tabIndex={0}
          role="log"
          aria-live="off"
          aria-label="Log lines"
        >
          {answer.lines.slice(-MOST_LINES).map((each, at) => {
            const when = instant(each.at);
            return (
              <div key={at} className="log-line">
                <time title={when === null ? undefined : utcTime(when)}>
                  {when === null ? "" : clock(when)}
                </time>
                {!ripple && (
                  <span className="log-ripple">
                    {oneLine(each.ripple, 32)}
                    {each.attempt > 1 ? ` #${each.attempt}` : ""}
                  </span>
                )}
                <span className="log-text">{visible(each.text)}</span>
              </div>
            );
          })}
        </div>
      )}
    </section>
  );
}

function clock(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
