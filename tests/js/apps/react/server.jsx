/** Print what a server renders of the app. */
import { Inbox } from "@inbox-server/client";
import { renderToString } from "react-dom/server";

import { App } from "./App.jsx";

const inbox = new Inbox({ url: "http://inbox.test", token: () => Promise.reject(new Error("A server opens no session")) });
console.log(renderToString(<App inbox={inbox} />));
