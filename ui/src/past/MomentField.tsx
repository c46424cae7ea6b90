import { instant, localSecond } from "../model/moments";

interface Props {
  name: string;
  value: string;
  required?: boolean;
  onChange: (value: string) => void;
}

/** A moment to the second, in the reader's zone. */
export function MomentField({ name, value, required, onChange }: Props) {
  return (
    <label>
      {name}
      <input
        type="datetime-local"
        step={1}
        required={required}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}

/** An instant as the field has it; empty: it is none. */
export function asField(text: string | null | undefined): string {
  const at = instant(text);
  return at === null ? "" : localSecond(at);
}

/** What the field has as an instant; empty: nothing. `held`, if it was not touched, to the
 * millisecond. */
export function asInstant(value: string, held: string | null = null): string {
  if (held && value && value === asField(held)) return held;
  const at = Date.parse(value);
  return Number.isNaN(at) ? "" : new Date(at).toISOString();
}
