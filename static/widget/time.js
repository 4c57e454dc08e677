/** Dates in words of a locale. */

const UNITS = /** @type {const} */ ([
  ["year", 31_536_000_000],
  ["month", 2_592_000_000],
  ["week", 604_800_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
]);

/** @type {Map<string, any>} making one costs more than writing many dates with it */
const formats = new Map();

/** @template T @param {string} key @param {() => T} make @returns {T} */
function cached(key, make) {
  if (!formats.has(key)) formats.set(key, make());
  return formats.get(key);
}

/** @param {number} ms to the moment, negative after it @param {string | undefined} locale */
function relative(ms, locale) {
  const [unit, length] = UNITS.find((entry) => Math.abs(ms) >= entry[1]) ?? ["second", Infinity];
  const style = /** @type {const} */ ({ numeric: "auto", style: "short" });
  const format = cached(`ago ${locale}`, () => new Intl.RelativeTimeFormat(locale, style));
  return format.format(Math.trunc(ms / length), unit);
}

/**
 * How long ago, in words of the locale; what lies ahead, by a clock that differs, counts as now.
 * @param {string} iso @param {number} now ms @param {string} [locale]
 */
export function relativeTime(iso, now, locale) {
  return relative(Math.min(0, Date.parse(iso) - now), locale);
}

/** In how long. @param {string} iso @param {number} now ms @param {string} [locale] */
export function timeUntil(iso, now, locale) {
  return relative(Math.max(0, Date.parse(iso) - now), locale);
}

/** The whole date. @param {string | Date} date @param {string} [locale] */
export function fullDate(date, locale) {
  const style = /** @type {const} */ ({ dateStyle: "full", timeStyle: "short" });
  return cached(`full ${locale}`, () => new Intl.DateTimeFormat(locale, style)).format(new Date(date));
}

/** Weekday and hour, as for the end of a snooze. @param {string | Date} date @param {string} [locale] */
export function shortDate(date, locale) {
  const style = /** @type {const} */ ({ weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
  return cached(`short ${locale}`, () => new Intl.DateTimeFormat(locale, style)).format(new Date(date));
}
