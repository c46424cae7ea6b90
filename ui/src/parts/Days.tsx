const DAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/** Chooses weekdays. None: each day. */
export function Days({
  chosen,
  onChange,
}: {
  chosen: string[];
  onChange: (days: string[]) => void;
}) {
  const toggle = (day: string): void =>
    onChange(DAYS.filter((each) => chosen.includes(each) !== (each === day)));
  return (
    <fieldset className="days">
      <legend>Only on (otherwise each day)</legend>
      {DAYS.map((day) => (
        <label key={day}>
          <input type="checkbox" checked={chosen.includes(day)} onChange={() => toggle(day)} />
          {day}
        </label>
      ))}
    </fieldset>
  );
}
