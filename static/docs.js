/** The API's document as a page: one entry for each operation, grouped by family. It loads nothing from elsewhere. */

/** @typedef {Record<string, any>} Json an object of the document */

/**
 * @param {string} name the element's tag
 * @param {Json} [fields] properties to set
 * @param {(Node | string)[]} children
 */
const element = (name, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
};
const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

const SERVICE = new URL(".", document.baseURI).href.replace(/\/$/, "");
const list = byId("operations");
const find = byId("find");

/**
 * Return a schema as a short text, written like a type: `{data: [Message]}`.
 * @param {Json | undefined} schema
 * @returns {string}
 */
function typeOf(schema, depth = 0) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map((/** @type {Json} */ one) => typeOf(one, depth)).join(" | ");
  if (schema.enum) return schema.enum.map((/** @type {unknown} */ one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `[${typeOf(schema.items, depth)}]`;
  if (schema.properties && depth < 2) {
    const required = new Set(schema.required ?? []);
    const fields = Object.entries(schema.properties).map(
      ([name, one]) => `${name}${required.has(name) ? "" : "?"}: ${typeOf(one, depth + 1)}`,
    );
    return `{${fields.join(", ")}}`;
  }
  return [schema.type ?? "any"].flat().join(" | ");
}

const resolve = (/** @type {Json} */ api, /** @type {Json} */ schema) =>
  (schema.$ref ? api.components.schemas[schema.$ref.split("/").at(-1)] : schema);

/**
 * Return the fields of a schema as a table, one row each.
 * @param {Json} api the document
 * @param {Json} schema
 */
function fields(api, schema) {
  const resolved = resolve(api, schema);
  const required = new Set(resolved.required ?? []);
  const rows = Object.entries(resolved.properties ?? {}).map(([name, one]) =>
    element("tr", {}, element("td", {}, element("code", { textContent: name })),
      element("td", { textContent: required.has(name) ? "required" : "" }),
      element("td", {}, element("code", { textContent: typeOf(one) }))),
  );
  return element("table", {}, ...rows);
}

/** @param {string} method @param {string} path @param {Json} operation */
function example(method, path, operation) {
  const credential = operation.security?.[0].session ? "Bearer $TOKEN" : "ApiKey $KEY";
  const lines = [`curl -X ${method.toUpperCase()} "${SERVICE}${path}"`];
  if (operation.security) lines.push(`-H "Authorization: ${credential}"`);
  const sent = operation.requestBody?.content["application/json"].example;
  if (sent) lines.push(`-H "Content-Type: application/json"`, `-d '${JSON.stringify(sent).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}

/** @param {Json} api @param {string} method @param {string} path @param {Json} operation */
function body(api, method, path, operation) {
  const parts = [element("p", { textContent: operation.description })];
  const parameters = operation.parameters.map((/** @type {Json} */ one) =>
    element("tr", {}, element("td", {}, element("code", { textContent: one.name })),
      element("td", { textContent: `${one.in}${one.required ? ", required" : ""}` }),
      element("td", {}, element("code", { textContent: typeOf(one.schema) }))),
  );
  if (parameters.length) parts.push(element("h4", { textContent: "Parameters" }), element("table", {}, ...parameters));
  const sent = operation.requestBody?.content["application/json"].schema;
  if (sent) parts.push(element("h4", { textContent: "Body" }), fields(api, sent));
  parts.push(element("h4", { textContent: "Answers" }));
  const answers = Object.entries(operation.responses).map(([status, one]) => {
    const known = one.$ref ? api.components.responses[one.$ref.split("/").at(-1)] : one;
    const schema = known.content?.["application/json"].schema;
    return element("tr", {}, element("td", { textContent: status }), element("td", { textContent: known.description }),
      element("td", {}, element("code", { textContent: schema ? typeOf(schema) : "" })));
  });
  parts.push(element("table", {}, ...answers), element("pre", { textContent: example(method, path, operation) }));
  const [success] = Object.values(operation.responses);
  const answer = success.content?.["application/json"].example;
  if (answer) parts.push(element("pre", { textContent: JSON.stringify(answer, null, 2) }));
  return parts;
}

/** @param {Json} api @param {string} method @param {string} path @param {Json} operation */
function entry(api, method, path, operation) {
  const made = element("details", { id: operation.operationId }, element("summary", {},
    element("b", { textContent: method.toUpperCase() }), element("code", { textContent: path }),
    element("span", { textContent: operation.summary })));
  made.dataset.words = `${method} ${path} ${operation.description}`.toLowerCase();
  made.addEventListener("toggle", () => {
    if (made.open && made.children.length === 1) made.append(...body(api, method, path, operation));
  });
  return made;
}

/** @param {Json} api */
function show(api) {
  byId("about").textContent = `${api.info.description.split("\n")[0]} Version ${api.info.version}.`;
  const families = new Map();
  const described = new Map(api.tags.map((/** @type {Json} */ tag) => [tag.name, tag.description]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const family = operation.tags[0];
      if (!families.has(family)) families.set(family, element("section", {},
        element("h2", { textContent: family }), element("p", { textContent: described.get(family) })));
      families.get(family).append(entry(api, method, path, operation));
    }
  }
  list.replaceChildren(...families.values());
  if (location.hash) byId(location.hash.slice(1))?.setAttribute("open", "");
}

find.addEventListener("input", () => {
  const query = find.value.trim().toLowerCase();
  for (const one of list.querySelectorAll("details")) one.hidden = !one.dataset.words.includes(query);
  for (const family of list.querySelectorAll("section")) {
    family.hidden = ![...family.querySelectorAll("details")].some((one) => !one.hidden);
  }
});

try {
  const reply = await fetch("openapi.json");
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  show(await reply.json());
} catch (problem) {
  list.textContent = `The document cannot be read: ${/** @type {Error} */ (problem).message}`;
}
