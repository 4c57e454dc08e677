import { createRoot, hydrateRoot } from "react-dom/client";

import { openInbox } from "../page.js";
import { App } from "./App.jsx";

const root = document.getElementById("root");
const app = <App inbox={openInbox()} />;
if (root.firstChild) hydrateRoot(root, app);
else createRoot(root).render(app);
