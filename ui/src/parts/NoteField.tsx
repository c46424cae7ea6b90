const MOST = 600;

interface Props {
  value: string;
  onChange: (text: string) => void;
  autoFocus?: boolean;
}

/** Why something is done, for those who look later. */
export function NoteField({ value, onChange, autoFocus = false }: Props) {
  return (
    <label className="note-field">
      Note (optional)
      <input
        value={value}
        autoFocus={autoFocus}
        maxLength={MOST}
        placeholder="Why, for those who look later"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}
