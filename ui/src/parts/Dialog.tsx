import { useId, useLayoutEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import { tell } from "./live";
import { NoteField } from "./NoteField";
import { Linked } from "./Text";

/** Why something was not done. */
export interface Unwilling {
  words: string;
  hint: string;
}

interface Props {
  title: string;
  children: ReactNode;
  /** Empty: there is nothing to do any more. */
  action: string;
  danger?: boolean;
  disabled?: boolean;
  /** The word on the button that closes it. */
  leave?: string;
  /** What the note begins with. Null: nobody writes down who does this, so there is no note. */
  note?: string | null;
  /** What is given back, is shown: a message elsewhere would lie behind the dialog. Of one that is
   * closed meanwhile it is told as a message. */
  onDone: (note: string) => void | Promise<Unwilling | null | void>;
  onClose: () => void;
}

/** Asks before something is done. Escape closes it, and focus stays inside. */
export function Dialog({
  title,
  children,
  action,
  danger,
  disabled,
  leave,
  note = "",
  onDone,
  onClose,
}: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const heading = useId();
  const [why, setWhy] = useState(note ?? "");
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Unwilling | null>(null);
  // Closed while it is still in the document: then the browser gives focus back.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    // Whoever presses Enter without a look does no harm.
    if (danger) cancel.current?.focus();
    return () => dialog?.close();
  }, []);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setRefused(null);
    const found = await onDone(why.trim());
    if (found && !element.current) tell("refused", found.words, found.hint);
    setBusy(false);
    setRefused(found ?? null);
  };
  return (
    <dialog ref={element} aria-labelledby={heading} onClose={onClose} onCancel={onClose}>
      <form onSubmit={(event) => void submit(event)} aria-busy={busy}>
        <h2 id={heading}>{title}</h2>
        <div className="dialog-body">{children}</div>
        {note !== null && action && <NoteField value={why} onChange={setWhy} />}
        <div role="alert">
          {refused && (
            <p className="refused">
              <Linked text={refused.words} /> <Linked text={refused.hint} />
            </p>
          )}
        </div>
        <div className="buttons end">
          <button ref={cancel} type="button" onClick={onClose}>
            {leave ?? "Cancel"}
          </button>
          {action && (
            <button
              type="submit"
              className={danger ? "danger" : "primary"}
              disabled={disabled}
              aria-disabled={busy || undefined}
            >
              {action}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
