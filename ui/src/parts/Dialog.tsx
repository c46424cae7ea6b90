import { useId, useLayoutEffect, useRef, type FormEvent, type ReactNode } from "react";

interface Props {
  title: string;
  children: ReactNode;
  /** Empty: there is nothing to do any more. */
  action: string;
  danger?: boolean;
  disabled?: boolean;
  /** The word on the button that closes it. */
  leave?: string;
  onDone: () => void;
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
  onDone,
  onClose,
}: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Closed while it is still in the document: then the browser gives focus back.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onDone();
  };
  return (
    <dialog ref={element} aria-labelledby={heading} onClose={onClose} onCancel={onClose}>
      <form onSubmit={submit}>
        <h2 id={heading}>{title}</h2>
        <div className="dialog-body">{children}</div>
        <div className="buttons end">
          <button type="button" onClick={onClose}>
            {leave ?? "Cancel"}
          </button>
          {action && (
            <button type="submit" className={danger ? "danger" : "primary"} disabled={disabled}>
              {action}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
