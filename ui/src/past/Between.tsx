import { useState, type FormEvent, type ReactNode } from "react";
import { asField, asInstant, MomentField } from "./MomentField";

interface Props {
  since: string;
  until: string;
  /** What the button does. */
  action: string;
  onPick: (since: string, until: string) => void;
  children?: ReactNode;
}

/** Two moments. Nothing is asked before both are as their reader wants them. */
export function Between({ since, until, action, onPick, children }: Props) {
  const [from, setFrom] = useState(asField(since));
  const [to, setTo] = useState(asField(until));
  const pick = (event: FormEvent): void => {
    event.preventDefault();
    onPick(asInstant(from, since), asInstant(to, until));
  };
  return (
    <form className="moment" onSubmit={pick}>
      {children}
      <MomentField name="from" value={from} onChange={setFrom} />
      <MomentField name="to" value={to} onChange={setTo} />
      <button type="submit">{action}</button>
    </form>
  );
}
