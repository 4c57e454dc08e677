/** The words of a language: `translator` returns the one function that writes each text of the widget. */

import { strings as english } from "./locales/en.js";

/** @typedef {import("./locales/en.js").Strings} Strings */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Translate */

/**
 * Return the function that writes a text: a page's own strings come first, then English.
 * @param {string | undefined} locale @param {Strings} [own]
 * @returns {Translate}
 */
export function translator(locale, own = {}) {
  const plurals = new Intl.PluralRules(locale);
  return (key, values = {}) => {
    const words = own[key] ?? english[key] ?? key;
    const text = typeof words === "string" ? words : (words[plurals.select(Number(values.count))] ?? words.other ?? key);
    return text.replace(/\{(\w+)\}/g, (hole, name) => String(values[name] ?? hole));
  };
}
