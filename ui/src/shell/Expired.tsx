/** The one page of a browser without a valid token. */
export function Expired() {
  return (
    <main className="alone">
      <h1>Duckstring</h1>
      <p>
        This page was opened from an earlier start. Run <code>duckstring ui</code> and open the
        address that it prints.
      </p>
    </main>
  );
}
