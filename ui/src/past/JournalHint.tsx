/** What is kept of the past, and how to keep more. */
export function JournalHint() {
  return (
    <p className="hint journal-hint">
      The past is known from the journals of lines. They are kept for 30 days, or as long as the
      Catchment was deployed to keep them: a deploy of the Catchment with{" "}
      <code>-c journal=90d</code> keeps them longer, one with <code>-c journal=off</code> keeps
      none. That counts for what is written from then on (docs/operate.md, “What was wrong at
      10:42?”). Runs and Changes are kept apart from journals.
    </p>
  );
}
