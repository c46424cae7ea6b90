const MOST = 600;

interface Props {
  value: string;
  onChange: (text: string) => void;
}

/** Why something is done, for those who look later. */
export function NoteField({ value, onChange }: Props) {
  return (
    <label className="note-field">
      Note (optional)
      <input
        value={value}
        maxLength={MOST}
        placeholder="Why, for those who look later"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}
