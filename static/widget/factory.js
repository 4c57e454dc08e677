/** The elements of a page that renders notifications itself. */

import { make, safeUrl } from "./dom.js";

const FORBIDDEN = /^(script|style|link|meta|base|iframe|frame|object|embed|template|slot|form)$/i;
const ADDRESSES = /^(href|src|action|formaction|poster|ping|srcset|data)$/i;

/**
 * Make an element for a page that renders notifications itself: no text becomes markup, no address becomes script.
 * @param {string} tag
 * @param {Record<string, any> | null} [properties] attributes, and listeners such as `onclick`
 * @param {...any} children nodes and texts; what is null, undefined or false is left out
 */
export function h(tag, properties, ...children) {
  if (FORBIDDEN.test(tag)) throw new TypeError(`<${tag}> is not allowed`);
  const safe = Object.entries(properties ?? {}).map(([name, value]) => {
    if (typeof value === "function") return [name, value];
    if (/^(on|style$)/i.test(name) || !isThere(value)) return [];
    return [name, ADDRESSES.test(name) ? safeUrl(String(value)) : value === true ? "" : String(value)];
  });
  const attributes = Object.fromEntries(safe.filter(([, value]) => isThere(value)));
  const element = make(/** @type {"a"} */ (tag), attributes, ...children.flat(Infinity).filter(isThere));
  if (element instanceof HTMLAnchorElement) element.rel = "noopener noreferrer";
  return /** @type {HTMLElement} */ (element);
}

/** @param {any} value */
const isThere = (value) => value !== null && value !== undefined && value !== false;
