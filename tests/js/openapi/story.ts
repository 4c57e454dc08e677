/** The documented calls at a running service, in the order of a day. */

import * as backend from "./backend";
import { Client } from "./client";
import * as page from "./page";

declare const process: { env: Record<string, string | undefined> };

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** Lower-case hex HMAC-SHA256 of the subscriberId under the API key. */
async function hashOf(subscriberId: string, apiKey: string): Promise<string> {
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", bytes.encode(apiKey), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signed = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes.encode(subscriberId)));
  return [...signed].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const url = setting("INBOX_URL");
const key = setting("INBOX_API_KEY");
const api = new Client(url, `ApiKey ${key}`);
await backend.createWorkflow(api);
await backend.keepSubscribers(api);
await backend.subscribeToTopic(api);
await backend.trigger(api);
await backend.readMessages(api);
await backend.readActivity(api);
await backend.beRefused(api);
const hash = await hashOf("ada", key);
const inbox = await page.openSession(url, setting("INBOX_APPLICATION_IDENTIFIER"), hash);
await page.readNotifications(inbox);
await page.changeNotifications(inbox);
await page.changePreferences(inbox);
console.log("all calls were answered as documented");
