import { oneLine } from "../model/text";

/** The name of a line or a run: it breaks before its `@` only, so that it can be read. */
export function LineName({ name, most = 60 }: { name: string; most?: number }) {
  const shown = oneLine(name, most);
  const at = shown.lastIndexOf("@");
  if (at <= 0) return <span className="whole">{shown}</span>;
  return (
    <>
      <span className="whole">{shown.slice(0, at)}</span>
      <wbr />
      <span className="whole">{shown.slice(at)}</span>
    </>
  );
}
