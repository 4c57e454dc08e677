/** The elements of a page that renders notifications itself. */

import { safeUrl } from "./dom.js";

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
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (/^(on|style$)/i.test(name) || value === null || value === undefined || value === false) continue;
    else {
      const text = ADDRESSES.test(name) ? safeUrl(String(value)) : value === true ? "" : String(value);
      if (text !== undefined) element.setAttribute(name, text);
    }
  }
  if (element instanceof HTMLAnchorElement) element.rel = "noopener noreferrer";
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
