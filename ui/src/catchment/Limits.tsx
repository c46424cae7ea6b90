import { useEffect, useState } from "react";
import type { LimitTold, TokenTold } from "../answers";
import { operating } from "../api/operating";
import { limitFault, limitWords, taken, USUAL_PRIORITY } from "../model/limits";
import type { Graph } from "../model/lines";
import { oneLine } from "../model/text";
import { useMayChange } from "../api/catchment";
import { Dialog } from "../parts/Dialog";
import { focusSoon } from "../parts/focus";
import { Link } from "../parts/Link";
import { LineName } from "../parts/LineName";
import { PondLinks } from "../parts/PondLinks";
import { StateIcon } from "../parts/State";
import { Age } from "../parts/Time";
import { inDialog } from "../pond/act";
import { runPath } from "../router";

const MOST = 8;

/** Each limit: its number, who has its tokens, and who waits. */
export function Limits({ graph }: { graph: Graph }) {
  const may = useMayChange();
  const [setting, setSetting] = useState<LimitTold | "new" | null>(null);
  const [removing, setRemoving] = useState<LimitTold | null>(null);
  useEffect(() => {
    if (window.location.hash !== "#limits") return; // no link from elsewhere
    const head = document.getElementById("limits");
    head?.scrollIntoView();
    head?.focus();
  }, []);
  return (
    <>
      <div className="part-head">
        <h2 id="limits" tabIndex={-1}>
          Limits
        </h2>
        {may && (
          <button type="button" className="small" onClick={() => setSetting("new")}>
            Set a limit …
          </button>
        )}
      </div>
      {!graph.limits.length && (
        <p>
          No limit is set, and no deployed Ripple uses one. A limit says how many attempts may use
          something at once, over all Ponds: <code>@ripple(uses="warehouse")</code>
        </p>
      )}
      {graph.limits.length > 0 && (
        <ul className="limits">
          {graph.limits.map((limit) => (
            <li key={limit.name} className="limit">
              <Limit limit={limit} />
              {may && (
                <div className="buttons">
                  <button
                    type="button"
                    className="small"
                    aria-label={`Set limit ${limit.name} …`}
                    onClick={() => setSetting(limit)}
                  >
                    Set …
                  </button>
                  {limit.tokens !== null && (
                    <button
                      type="button"
                      className="small"
                      aria-label={`Remove limit ${limit.name} …`}
                      onClick={() => setRemoving(limit)}
                    >
                      Remove …
                    </button>
                  )}
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {setting && (
        <SetDialog
          limit={setting === "new" ? null : setting}
          known={graph.limits}
          onClose={() => setSetting(null)}
        />
      )}
      {removing && <RemoveDialog limit={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

function Limit({ limit }: { limit: LimitTold }) {
  const share = taken(limit);
  const full = share === 100 && limit.waiting.length > 0;
  return (
    <>
      <div className="limit-head">
        <strong>{oneLine(limit.name, 60)}</strong>
        <span className={limit.tokens === null ? "warning" : ""}>{limitWords(limit)}</span>
      </div>
      {share !== null && (
        <span
          className={`gauge ${full ? "gauge-near" : ""}`}
          role="img"
          aria-label={`${share} % of its tokens are taken`}
        >
          <i style={{ width: `${share}%` }} />
        </span>
      )}
      {limit.tokens === null && (
        <p className="hint">
          Any number of attempts runs at once, because nobody has set this limit.
        </p>
      )}
      <Tokens limit={limit} />
      <p className="under">
        {limit.used_by.length ? (
          <>
            Used by <PondLinks lines={limit.used_by} most={6} />
          </>
        ) : (
          "No deployed Ripple uses it."
        )}
      </p>
    </>
  );
}

function Tokens({ limit }: { limit: LimitTold }) {
  const [all, setAll] = useState(false);
  const rows = [
    ...limit.held.map((token) => ({ token, word: "has a token", icon: "running" })),
    ...limit.waiting.map((token, at) => ({
      token,
      word: at ? `waits, place ${at + 1}` : "waits, next",
      icon: "waiting",
    })),
  ];
  if (!rows.length) return null;
  const ranked = rows.some(({ token }) => token.priority !== USUAL_PRIORITY);
  const shown = all ? rows : rows.slice(0, MOST);
  return (
    <>
      <ul className="rows" aria-label={`Tokens of ${limit.name}`}>
        {shown.map(({ token, word, icon }) => (
          <Token
            key={`${token.run} ${token.ripple}`}
            token={token}
            word={word}
            icon={icon}
            ranked={ranked}
          />
        ))}
      </ul>
      {rows.length > MOST && (
        <button type="button" className="small plain" onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show all ${rows.length}`}
        </button>
      )}
    </>
  );
}

function Token({
  token,
  word,
  icon,
  ranked,
}: {
  token: TokenTold;
  word: string;
  icon: string;
  ranked: boolean;
}) {
  return (
    <li>
      <StateIcon word={icon} />
      <span className="grow">
        <Link to={runPath(token.run)} className="name" title={oneLine(token.run)}>
          <LineName name={token.run} />
        </Link>
        <span className="under">
          {oneLine(token.ripple, 60)} {word}
          {ranked && `, priority ${token.priority}`}
        </span>
      </span>
      <span className="number">
        <Age from={Date.parse(token.since)} />
      </span>
    </li>
  );
}

function SetDialog({
  limit,
  known,
  onClose,
}: {
  limit: LimitTold | null;
  known: LimitTold[];
  onClose: () => void;
}) {
  const [name, setName] = useState(limit?.name ?? "");
  const [tokens, setTokens] = useState(String(limit?.tokens ?? 1));
  const fault = limitFault(name.trim(), tokens);
  const old = known.find((each) => each.name === name.trim());
  const save = (note: string) =>
    inDialog(
      `Limit ${name.trim()} has ${tokens.trim()} ${tokens.trim() === "1" ? "token" : "tokens"}.`,
      () => operating.setLimit(name.trim(), Number(tokens), note),
      onClose,
    );
  return (
    <Dialog
      title={limit ? `Limit ${oneLine(limit.name, 60)}` : "Set a limit"}
      action="Set"
      disabled={fault !== ""}
      onClose={onClose}
      onDone={save}
    >
      <p>So many attempts of Ripples that use it run at once, over all Ponds.</p>
      <div className="fields">
        {!limit && (
          <label>
            Name
            <input
              value={name}
              placeholder="warehouse"
              autoFocus
              onChange={(event) => setName(event.target.value)}
            />
          </label>
        )}
        <label>
          Tokens
          <input
            inputMode="numeric"
            value={tokens}
            autoFocus={!!limit}
            onChange={(event) => setTokens(event.target.value)}
          />
        </label>
      </div>
      <p className="hint">{(name || limit) && fault ? fault : effect(Number(tokens), old)}</p>
    </Dialog>
  );
}

function effect(tokens: number, old: LimitTold | undefined): string {
  const held = old?.held.length ?? 0;
  if (tokens === 0) return "With 0 tokens nothing new begins. What runs goes on.";
  if (held > tokens) return `${held} are taken now. They go on; nobody gets one until fewer are.`;
  return "The new number holds at once. Attempts that wait begin as soon as a token is free.";
}

function RemoveDialog({ limit, onClose }: { limit: LimitTold; onClose: () => void }) {
  const wait = limit.waiting.length;
  const save = (note: string) =>
    inDialog(
      `Limit ${limit.name} is removed.`,
      () => operating.removeLimit(limit.name, note),
      () => {
        onClose();
        focusSoon("#limits");
      },
    );
  return (
    <Dialog
      title={`Remove limit ${oneLine(limit.name, 60)}?`}
      action="Remove"
      danger
      onClose={onClose}
      onDone={save}
    >
      <p>
        Any number of attempts that use it then runs at once.
        {wait > 0 &&
          ` ${wait === 1 ? "The one that waits begins" : `All ${wait} that wait begin`} now.`}
      </p>
    </Dialog>
  );
}
