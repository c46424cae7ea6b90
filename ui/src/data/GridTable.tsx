import { memo } from "react";
import type { Grid } from "../api/shapes";
import { plural } from "../model/numbers";
import { took } from "../model/moments";
import { oneLine } from "../model/text";
import { Cell } from "../parts/Text";

const NUMBERS = /INT|DECIMAL|DOUBLE|FLOAT|REAL|NUMERIC/;

/** Rows as they are. Hidden characters are shown as escapes. */
export const GridTable = memo(function GridTable({
  grid,
  label,
  coming,
  ended,
}: {
  grid: Grid;
  label: string;
  /** More rows may come. */
  coming?: boolean;
  /** They have been cancelled, or have failed. */
  ended?: boolean;
}) {
  return (
    <>
      <div className="grid" tabIndex={0} role="region" aria-label={label}>
        <table>
          <thead>
            <tr>
              {grid.columns.map((column, at) => (
                <th key={at} scope="col" className={NUMBERS.test(column.type) ? "number" : ""}>
                  {oneLine(column.name, 80)}
                  <span className="type">{oneLine(column.type, 60)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {grid.rows.map((row, at) => (
              <tr key={at}>
                {row.map((value, column) => (
                  <td
                    key={column}
                    className={NUMBERS.test(grid.columns[column]?.type ?? "") ? "number" : ""}
                  >
                    <Cell value={value} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="under">
        {coming
          ? `${plural(grid.rows.length, "row")}${ended ? ", then it ended." : " by now …"}`
          : `${
              grid.rows.length
                ? `${plural(grid.rows.length, "row")}${grid.more ? ", and there are more" : ""}`
                : "No rows"
            }, in ${took(grid.seconds)}.`}
      </p>
    </>
  );
});
