// Numbers as people say them.

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const NARROW = "\u202f";

/** Returns `{ factor, name }`: by what values are divided, and what is written after them. */
export function scaleOf(unit, most) {
  const size = Math.abs(most) || 0;
  if (unit === "bytes") {
    let step = 0;
    while (step < BYTES.length - 1 && size >= 1024 ** (step + 1)) step += 1;
    return { factor: 1024 ** step, name: BYTES[step] };
  }
  if (unit === "cores") {
    return size > 0 && size < 0.1 ? { factor: 0.001, name: "millicores" } : { factor: 1, name: "cores" };
  }
  return { factor: 1, name: unit === "1" ? "" : unit };
}

/** Returns a number with three significant digits. */
export function number(value, digits = 3) {
  const size = Math.abs(value);
  const options = size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return new Intl.NumberFormat("en-GB", options).format(value).replaceAll(",", NARROW).replace("-", "−");
}

/** Returns an amount with its unit, such as `17.5 cores` or `3.2 GiB`. */
export function amount(value, unit, { of = value } = {}) {
  const scale = scaleOf(unit, of);
  const text = number(value / scale.factor);
  return scale.name ? `${text}\u00a0${scale.name}` : text;
}

/** Returns a ratio, such as `0.80`. */
export function ratio(value) {
  return value < 9.995 ? value.toFixed(2) : number(value);
}

/** Returns a share as `85 %`. */
export function percent(share, digits = 0) {
  const text = new Intl.NumberFormat("en-GB", { maximumFractionDigits: digits }).format(100 * share);
  return `${text}\u00a0%`;
}

/** Returns `1 series` or `2 series`, `1 hour` or `2 hours`. */
export function count(n, one, many = `${one}s`) {
  return `${number(n, 6)}\u00a0${n === 1 ? one : many}`;
}
