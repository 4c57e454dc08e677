/** Making elements without markup: text stays text, and only harmless addresses become links. */

const SAFE_SCHEMES = ["http:", "https:", "mailto:"];
const FORBIDDEN = /^(script|style|link|meta|base|iframe|frame|object|embed|template|slot|form)$/i;
const ADDRESSES = /^(href|src|action|formaction|poster|ping|srcset|data)$/i;

/** @param {string | undefined} url @returns {string | undefined} the absolute URL, if it is one to follow */
export function safeUrl(url) {
  try {
    const { protocol, href } = new URL(url ?? "", document.baseURI);
    return url && SAFE_SCHEMES.includes(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string>} attributes
 * @param {...(Node | string)} children strings become text, never HTML
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

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

/** @param {string} path */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(svg.namespaceURI, "path"));
  svg.firstElementChild?.setAttribute("d", path);
  return svg;
}

/**
 * Make a button that is an icon.
 * @param {string} name its class @param {string} label @param {string} path
 * @param {(event: MouseEvent) => void} run @param {Record<string, string>} [more] attributes
 */
export function iconButton(name, label, path, run, more = {}) {
  const button = make("button", { class: `icon ${name}`, type: "button", "aria-label": label, title: label, ...more }, icon(path));
  button.addEventListener("click", run);
  return button;
}

/** @param {HTMLElement} element @param {string} text hidden when empty */
export function show(element, text) {
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}
