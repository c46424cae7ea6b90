import { Linked } from "./Text";
import { dismiss, useNotes } from "./live";

/** What became of the last actions. */
export function Notes() {
  const notes = useNotes();
  return (
    <div className="notes" role="status" aria-live="polite">
      {notes.map((note) => (
        <div key={note.id} className={`note note-${note.kind}`}>
          <div>
            <p>
              <Linked text={note.text} />
            </p>
            {note.hint && (
              <p className="hint">
                <Linked text={note.hint} />
              </p>
            )}
          </div>
          {note.next && (
            <button
              type="button"
              className="small"
              onClick={() => {
                dismiss(note.id);
                note.next?.act();
              }}
            >
              {note.next.name}
            </button>
          )}
          <button
            type="button"
            className="plain"
            aria-label="Dismiss"
            onClick={() => dismiss(note.id)}
          >
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
