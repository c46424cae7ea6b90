import { expect, test } from "vitest";
import { dollars } from "../src/model/numbers";

test.each([
  [0, "$0"],
  [0.000123456, "$0.000123"],
  [0.0106, "$0.0106"],
  [1.5, "$1.50"],
  [1234.5, "$1,234.50"],
])("%f dollars are %s", (usd, text) => expect(dollars(usd)).toBe(text));
