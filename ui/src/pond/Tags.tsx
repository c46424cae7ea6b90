import { useState } from "react";
import { useMayChange } from "../api/catchment";
import { operating } from "../api/operating";
import type { Line } from "../model/lines";
import { edited, tagTexts } from "../model/tags";
import { oneLine } from "../model/text";
import { Dialog } from "../parts/Dialog";
import { Link } from "../parts/Link";
import { tagPath } from "../router";
import { inDialog } from "./act";

/** The tags of a Pond, by which Ponds are found and acted on together. */
export function Tags({ line }: { line: Line }) {
  const may = useMayChange();
  const [editing, setEditing] = useState(false);
  const tags = tagTexts(line.tags);
  return (
    <>
      {tags.length > 0 ? (
        <ul className="chips">
          {tags.map((tag) => (
            <li key={tag}>
              <Link
                className="chip chip-clear"
                to={tagPath(tag)}
                aria-label={`All Ponds with ${oneLine(tag, 100)}`}
              >
                {oneLine(tag, 100)}
              </Link>
            </li>
          ))}
        </ul>
      ) : (
        <p>None.</p>
      )}
      {may && (
        <button type="button" className="small" onClick={() => setEditing(true)}>
          Edit its tags …
        </button>
      )}
      {editing && <TagsDialog line={line} onClose={() => setEditing(false)} />}
    </>
  );
}

function TagsDialog({ line, onClose }: { line: Line; onClose: () => void }) {
  // As they were when the text began: a tag that comes meanwhile is not in it, and stays.
  const [before] = useState(line.tags);
  const [text, setText] = useState(tagTexts(before).join(" "));
  const { put, remove, fault } = edited(text, before);
  const changes = [
    ...Object.entries(put).map(([key, value]) => `sets ${key}=${value}`),
    ...remove.map((key) => `removes ${key}`),
  ];
  const save = (note: string) =>
    inDialog(
      `The tags of ${line.pond} are changed.`,
      () => operating.tag(line.line, { put, remove }, note).then(() => ({})),
      onClose,
    );
  return (
    <Dialog
      title={`Tags of ${oneLine(line.pond, 60)}`}
      action="Save"
      disabled={fault !== "" || !changes.length}
      onClose={onClose}
      onDone={save}
    >
      <label className="note-field">
        Tags, with spaces between
        <input
          value={text}
          placeholder="team=sales tier=gold"
          aria-invalid={fault !== ""}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <p className="hint" role="status">
        {fault || (changes.length ? `It ${changes.join(", ")}.` : "Nothing is changed.")}
      </p>
      <p className="hint">
        They are of all majors of {oneLine(line.pond, 60)}. No run depends on them.
      </p>
    </Dialog>
  );
}
