"use strict";

// Drives the genuine client through everything that it can do, and prints each step's answer as JSON.

const fs = require("fs");
const LayerAPI = require("layer-api");

const { PORT, CA, APP, TOKEN } = process.env;

// The client always calls https://api.layer.com:443; its agent's options lead that, certificate checked, to loopback.
const agentOptions = {
  host: "127.0.0.1",
  port: Number(PORT),
  servername: "api.layer.com",
  ca: fs.readFileSync(CA),
  keepAlive: true,
};
const layer = new LayerAPI({ token: TOKEN, appId: `layer:///apps/staging/${APP}`, agentOptions });
const stranger = new LayerAPI({ token: "wrong", appId: APP, agentOptions });

const KEY = "f3cc7b32-3c92-11e4-baad-164230d1df67";
const MESSAGE_KEY = "940de862-3c96-11e4-baad-164230d1df67";
const PERSON = { display_name: "Ann", phone_number: "+1 (202) 200-0101", metadata: { level: "35" } };
const steps = {};

async function step(name, promise) {
  try {
    const { status, body } = await promise;
    steps[name] = { status, body };
  } catch (error) {
    steps[name] = { status: error.status || 0, body: error.body || String(error) };
  }
  return steps[name].body;
}

async function story() {
  const { conversations, messages, identities, blocklist, announcements } = layer;
  const made = await step("create", conversations.createAsync({ participants: ["ann", "ben"], distinct: false }));
  await step("create nobody", conversations.createAsync({}));
  await step("create once", conversations.createDedupeAsync(KEY, { participants: ["ann", "carla"] }));
  await step("create again", conversations.createDedupeAsync(KEY, { participants: ["ann", "carla"] }));
  await step("get", conversations.getAsync(made.id));
  await step("get strange", conversations.getAsync("24f43c32-4d95-11e4-b3a2-0fd00000020d"));
  await step("name", conversations.setMetadataPropertiesAsync(made.id, { conversationName: "Lunch", n: 3 }));
  await step("unname", conversations.deleteMetadataPropertiesAsync(made.id, { n: 3 }));
  await step("add", conversations.addParticipantsAsync(made.id, ["dan", "eve"]));
  await step("remove", conversations.removeParticipantsAsync(made.id, ["eve"]));
  await step("edited", conversations.getAsync(made.id));

  const sent = await step("send as user", messages.sendTextFromUserAsync(made.id, "ann", "Grüße 😀"));
  await step("send as bot", messages.sendTextFromNameAsync(made.id, "Reminder", "Lunch at 12"));
  const draft = { sender: { user_id: "ben" }, parts: [{ mime_type: "text/plain", body: "once" }] };
  await step("send once", messages.sendDedupeAsync(MESSAGE_KEY, made.id, draft));
  await step("send again", messages.sendDedupeAsync(MESSAGE_KEY, made.id, draft));
  await step("send as stranger", messages.sendTextFromUserAsync(made.id, "nobody", "x"));
  await step("message", messages.getAsync(sent.id, made.id));
  await step("messages", messages.getAllAsync(made.id, { page_size: 2 }));
  await step("older messages", messages.getAllAsync(made.id, { page_size: 2, from_id: MESSAGE_KEY }));
  await step("message of user", messages.getFromUserAsync("ben", sent.id));
  await step("messages of user", messages.getAllFromUserAsync("ben", made.id, { page_size: 50 }));
  await step("conversation of user", conversations.getFromUserAsync("ben", made.id));
  await step("conversations of user", conversations.getAllFromUserAsync("ann", { sort_by: "last_message" }));

  await step("identify", identities.createAsync("ann", PERSON));
  await step("identify again", identities.createAsync("ann", PERSON));
  await step("change identity", identities.editAsync("ann", { email_address: "ann@example.com" }));
  await step("identity", identities.getAsync("ann"));
  await step("replace identity", identities.replaceAsync("ann", { display_name: "Anna" }));
  await step("replaced identity", identities.getAsync("ann"));
  await step("forget identity", identities.deleteAsync("ann"));
  await step("no identity", identities.getAsync("ann"));

  await step("block", blocklist.blockAsync("ann", "ben"));
  await step("blocks", blocklist.getAsync("ann"));
  await step("unblock", blocklist.unblockAsync("ann", "ben"));
  await step("announce", announcements.sendAsync({ recipients: ["ann"], sender: { name: "All" }, parts: draft.parts }));

  await step("delete", conversations.deleteAsync(made.id));
  await step("get deleted", conversations.getAsync(made.id));
  await step("wrong token", stranger.conversations.getAsync(made.id));
}

story().then(() => {
  console.log(JSON.stringify(steps));
  process.exit(0);
});
