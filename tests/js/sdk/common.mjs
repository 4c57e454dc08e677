// The service under test, and what every test of an SDK needs of it.
import assert from "node:assert/strict";

export const url = required("INBOX_URL");
export const apiKey = required("INBOX_API_KEY");
export const identifier = required("INBOX_APPLICATION_IDENTIFIER");

/** Fails unless the call is refused with this status; returns the error. */
export async function refused(status, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.statusCode ?? error.response?.status, status, String(error));
    return error;
  }
  assert.fail(`was not refused with ${status}`);
}

function required(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: these tests are run by pytest`);
  return value;
}
