import { useEffect } from "react";
import type { Graph } from "../model/lines";
import { allTags, tagsFrom, tagText, tagTexts, type Tags } from "../model/tags";
import { go, tagged, useRoute } from "../router";
import { setView, useView } from "./view";

/** Shows only Ponds with these tags. They are kept in the address. */
export function TagFilter({ graph }: { graph: Graph }) {
  const { tags } = useView();
  const chosen = tagTexts(tags);
  const known = allTags(graph.lines);
  const others = known.filter(({ tag }) => !chosen.includes(tag));
  if (!known.length && !chosen.length) return null;
  return (
    <div className="chips" role="group" aria-label="Show tags">
      {others.length > 0 && (
        <label className="tag-filter">
          <span className="unseen">Only Ponds with the tag</span>
          <select
            value=""
            onChange={(event) => chooseTags({ ...tags, ...tagsFrom([event.target.value]) })}
          >
            <option value="">{chosen.length ? "And tag …" : "Tag …"}</option>
            {others.map(({ tag, lines }) => (
              <option key={tag} value={tag}>
                {tag} ({lines})
              </option>
            ))}
          </select>
        </label>
      )}
      {Object.entries(tags).map(([key, value]) => (
        <button
          key={key}
          type="button"
          className="chip chip-clear"
          aria-label={`No longer only ${tagText(key, value)}`}
          onClick={() => chooseTags(without(tags, key))}
        >
          {tagText(key, value)} ✕
        </button>
      ))}
    </div>
  );
}

function without(tags: Tags, key: string): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([each]) => each !== key));
}

function chooseTags(tags: Tags): void {
  setView({ tags });
  go(tagged(window.location.pathname, window.location.search, tagTexts(tags)), "replace");
}

/** An address with tags says what is shown. One without is given those that are shown. */
export function useTagsInAddress(): void {
  const { query } = useRoute();
  const { tags } = useView();
  const told = query.getAll("tag").join(" ");
  const shown = tagTexts(tags).join(" ");
  useEffect(() => {
    if (told) setView({ tags: tagsFrom(told.split(" ")) });
  }, [told]);
  const path = window.location.pathname;
  useEffect(() => {
    if (!told && shown) go(tagged(path, window.location.search, shown.split(" ")), "replace");
  }, [told, shown, path]);
}
