import { useEffect, useId, useRef, type FormEvent, type ReactNode } from "react";

interface Props {
  title: string;
  children: ReactNode;
  action: string;
  danger?: boolean;
  disabled?: boolean;
  onDone: () => void;
  onClose: () => void;
}

/** Asks before something is done. Escape closes it, and focus stays inside. */
export function Dialog({ title, children, action, danger, disabled, onDone, onClose }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
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
            Cancel
          </button>
          <button type="submit" className={danger ? "danger" : "primary"} disabled={disabled}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}
