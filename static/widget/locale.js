/** The words of a language: `translator` returns the one function that writes each text of the widget. */

import { strings as bell } from "./bell-words.js";

/** @typedef {import("./locales/en.js").Strings} Strings */
/** @typedef {{(key: string, values?: Record<string, string | number>): string, locale?: string}} Translate */

/** Languages that are loaded when a page is in one. @type {Record<string, () => Promise<{strings: Strings}>>} */
const LOADERS = {
  ar: () => import("./locales/ar.js"),
  de: () => import("./locales/de.js"),
  es: () => import("./locales/es.js"),
  fr: () => import("./locales/fr.js"),
  ja: () => import("./locales/ja.js"),
};
/** @type {Strings} what a closed bell says, and the rest once there is a list */
const english = { ...bell };
const RIGHT_TO_LEFT = ["ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

/** Let every translator know the rest of English. @param {Strings} strings */
export function learnEnglish(strings) {
  Object.assign(english, strings);
}

/**
 * Return the function that writes a text: a page's own strings come first, then those of the language, then English.
 * Numbers are written as the locale does; the value `count` chooses between plurals.
 * @param {string | undefined} locale @param {Strings} [own] @param {Strings} [shipped] from `loadStrings`
 * @returns {Translate}
 */
export function translator(locale, own = {}, shipped = {}) {
  const plurals = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const translate = (key, values = {}) => {
    const words = own[key] ?? shipped[key] ?? english[key] ?? key;
    const text = typeof words === "string" ? words : (words[plurals.select(Number(values.count))] ?? words.other ?? key);
    const write = (/** @type {string | number} */ value) => (typeof value === "number" ? numbers.format(value) : value);
    return text.replace(/\{(\w+)\}/g, (hole, name) => (Object.hasOwn(values, name) ? write(values[name]) : hole));
  };
  return Object.assign(translate, { locale });
}

/**
 * Return the strings that the widget ships for a locale; none for English and for languages that it does not know.
 * @param {string | undefined} locale @returns {Promise<Strings>}
 */
export async function loadStrings(locale) {
  const language = languageOf(locale);
  const load = Object.hasOwn(LOADERS, language) && LOADERS[language];
  return load ? (await load()).strings : {};
}

/** Return in which direction a locale is written. @param {string | undefined} locale @returns {"ltr" | "rtl"} */
export function directionOf(locale) {
  return RIGHT_TO_LEFT.includes(languageOf(locale)) ? "rtl" : "ltr";
}

/** @param {string | undefined} locale */
function languageOf(locale) {
  return locale?.split("-")[0].toLowerCase() ?? "";
}
