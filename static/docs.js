/** The page of the API's document: Swagger UI with a search by path and word. It follows the colour scheme of the system. */

/** @typedef {any} Collection what Swagger UI keeps its state in: a list or map of Immutable */

const { SwaggerUIBundle } = /** @type {any} */ (window);
const dark = matchMedia("(prefers-color-scheme: dark)");

const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

/**
 * Return the families with only those operations that hold the words.
 * @param {Collection} families by tag, each with its operations @param {string} words
 */
function find(families, words) {
  const wanted = words.trim().toLowerCase();
  const holds = (/** @type {Collection} */ one) =>
    `${one.get("method")} ${one.get("path")} ${one.getIn(["operation", "description"])}`.toLowerCase().includes(wanted);
  return families
    .map((/** @type {Collection} */ family) => family.update("operations", (/** @type {Collection} */ all) => all.filter(holds)))
    .filter((/** @type {Collection} */ family) => family.get("operations").size);
}

/**
 * Replace Swagger UI's search, which finds families by their name only, leave out the choice among one server, and name
 * the field of a body for screen readers.
 * @param {any} system
 */
function adapt({ React }) {
  const Search = (/** @type {any} */ { layoutActions }) =>
    React.createElement("label", { className: "find wrapper" }, "Find ", React.createElement("input", {
      type: "search",
      placeholder: "path or word",
      autoComplete: "off",
      onChange: (/** @type {any} */ { target }) => layoutActions.updateFilter(target.value),
    }));
  const named = (/** @type {any} */ Area) => (/** @type {any} */ properties) =>
    React.createElement(Area, { "aria-label": "Body of the request", ...properties });
  return {
    fn: { opsFilter: find },
    components: { FilterContainer: Search, ServersContainer: () => null },
    wrapComponents: { TextArea: named },
  };
}

/** Let a person type the key alone: the word before it is the service's. @param {any} request */
function authorize(request) {
  const { Authorization: credential } = request.headers;
  if (credential && !credential.includes(" ")) request.headers.Authorization = `ApiKey ${credential}`;
  return request;
}

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  plugins: [adapt],
  filter: true,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1,
  syntaxHighlight: { theme: "tomorrow-night" },
  validatorUrl: null,
  requestInterceptor: authorize,
});
