// Counts and sizes in words.

export function count(value: number): string {
  return value.toLocaleString("en");
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const names = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let at = 0;
  while (value >= 1000 && at < names.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${names[at]}`;
}

/** `8 GB` of a task's or a function's memory. */
export function memory(mib: number): string {
  return mib >= 1024 ? `${Number((mib / 1024).toFixed(1))} GB` : `${mib} MB`;
}

/** US dollars with three digits at least, and cents at least: `$0.000123`, `$1.50`. */
export function dollars(usd: number): string {
  if (usd === 0) return "$0";
  let digits = 2;
  while (usd * 10 ** digits < 100 && digits < 9) digits += 1;
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `$${usd.toLocaleString("en", fixed)}`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
