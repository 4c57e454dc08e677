/** Making elements without markup: text stays text, and only harmless addresses become links. */

const SAFE_SCHEMES = ["http:", "https:", "mailto:"];

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
