import { useState, type FormEvent } from "react";
import { serverNow } from "../api/status";
import { instant } from "../model/moments";
import { asField, asInstant, MomentField } from "./MomentField";

const STEPS = [
  { name: "1 h earlier", by: -3_600_000 },
  { name: "10 min earlier", by: -600_000 },
  { name: "10 min later", by: 600_000 },
];

interface Props {
  /** Null: now. */
  at: string | null;
  onPick: (at: string | null) => void;
}

/** Chooses a moment. Nothing is asked before it is chosen: each answer costs. */
export function Moment({ at, onPick }: Props) {
  const held = instant(at);
  const [text, setText] = useState(asField(at));
  const pick = (event: FormEvent): void => {
    event.preventDefault();
    const to = asInstant(text, at);
    if (to) onPick(to);
  };
  const move = (by: number): void => {
    const to = (held ?? serverNow()) + by;
    onPick(to < serverNow() ? new Date(to).toISOString() : null);
  };
  return (
    <form className="moment" onSubmit={pick}>
      <MomentField name="At" required value={text} onChange={setText} />
      <button type="submit">Explain</button>
      <div className="segments" role="group" aria-label="Another moment">
        {STEPS.map(({ name, by }) => (
          <button
            key={name}
            type="button"
            disabled={by > 0 && held === null}
            onClick={() => move(by)}
          >
            {name}
          </button>
        ))}
        <button type="button" aria-pressed={held === null} onClick={() => onPick(null)}>
          Now
        </button>
      </div>
    </form>
  );
}
