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

/** @typedef {Record<string, string | ((event: any) => unknown)>} Attributes texts, and listeners such as `onclick` */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} attributes
 * @param {...(Node | string)} children strings become text, never HTML
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Make a button that submits no form.
 * @param {string} name its class @param {(event: MouseEvent) => unknown} run
 * @param {Attributes} attributes @param {...(Node | string)} children
 */
export function button(name, run, attributes, ...children) {
  return make("button", { class: name, type: "button", onclick: run, ...attributes }, ...children);
}

/** @param {string} d what its path draws */
export function icon(d) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.ariaHidden = "true";
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}

/**
 * Make a button that is an icon.
 * @param {string} name its class @param {string} label @param {string} d
 * @param {(event: MouseEvent) => unknown} run @param {Attributes} [more]
 */
export function iconButton(name, label, d, run, more) {
  return button(`icon ${name}`, run, { "aria-label": label, title: label, ...more }, icon(d));
}

/** @param {HTMLElement} element @param {string} text hidden when empty */
export function show(element, text) {
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}

/** Return a count as a badge shows it. @param {number} count @returns {string} empty for 0 */
export function shortCount(count) {
  return count > 99 ? "99+" : count ? String(count) : "";
}
