/**
 * Make an element of a page.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name of the tag @param {Record<string, unknown>} [fields] properties to set
 * @param {(Node | string)[]} children
 */
export function element(name, fields = {}, ...children) {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
}
