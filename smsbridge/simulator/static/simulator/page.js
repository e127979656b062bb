"use strict";

// Asks for the state every second and redraws only what changed, so that nobody loses what he is typing.

const base = document.body.dataset.base;
const byId = (id) => document.getElementById(id);
const EXAMPLES = [
  { user_id: "ann", name: "Ann", phone: "+12022000101" },
  { user_id: "ben", name: "Ben", phone: "+12022000102" },
  { user_id: "carla", name: "Carla", phone: "+12022000103" },
];
const TICKS = { sent: "✓ sent to", delivered: "✓✓ delivered to", read: "✓✓ read by" };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function complain(sentence) {
  byId("alert").textContent = sentence;
  byId("alert").hidden = !sentence;
}

async function call(path, content) {
  const options = content && {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Simulator": "1" },
    body: JSON.stringify(content),
  };
  const response = await fetch(base + path, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `The simulator answered ${response.status}.`);
  return answer;
}

// What a person does: the action, then at once the new state. True when it worked.
async function act(path, content) {
  try {
    await call(path, content);
    complain("");
    await refresh();
    return true;
  } catch (error) {
    complain(error.message);
    return false;
  }
}

// Empties the field at once, so that the next text can be typed; what could not be sent comes back.
async function submitText(form, path, content) {
  const text = form.text.value;
  form.text.value = "";
  if (!(await act(path, { ...content, text })) && !form.text.value) form.text.value = text;
}

// Keeps one node for each key in `holder`; draw(node, item) is called only for items that changed.
function keyed(holder, items, key, make, draw) {
  const known = new Map([...holder.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, place) => {
    const name = key(item);
    const node = known.get(name) || make(item);
    known.delete(name);
    node.dataset.key = name;
    const drawn = JSON.stringify(item);
    if (node.drawn !== drawn) {
      node.drawn = drawn;
      draw(node, item);
    }
    if (holder.children[place] !== node) holder.insertBefore(node, holder.children[place] || null);
  });
  known.forEach((node) => node.remove());
}

function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

function clock(moment) {
  return new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function toEnd(list, change) {
  const before = list.children.length;
  change();
  if (list.children.length > before) list.scrollTop = list.scrollHeight;
}

// Conversations

function makeConversation(conversation) {
  const card = fromTemplate("conversation-template");
  const form = card.querySelector("form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await submitText(form, "send", { conversation: conversation.id, sender: form.sender.value });
  });
  return card;
}

function drawConversation(card, conversation) {
  const names = new Map(conversation.participants.map((person) => [person.user_id, person.name]));
  card.querySelector("h3").textContent = conversation.title || [...names.values()].join(", ");
  card.querySelector(".who").textContent = [...names.values()].join(" · ");
  drawSenders(card.querySelector("select"), conversation.participants);
  const list = card.querySelector(".messages");
  list.setAttribute("aria-label", "Messages");
  const shown = conversation.messages.map((message) => ({ ...message, names: [...names] }));
  toEnd(list, () => keyed(list, shown, (message) => message.id, () => element("li"), drawMessage));
  drawReaders(card.querySelector(".readers"), conversation);
}

function drawSenders(select, people) {
  keyed(select, people, (person) => person.user_id, () => element("option"), (option, person) => {
    option.value = person.user_id;
    option.textContent = person.name;
  });
}

function drawMessage(item, message) {
  const names = new Map(message.names);
  const sender = message.sender_name ? `${message.sender_name} (bot)` : names.get(message.sender) || message.sender;
  const head = element("div", { className: "head" }, element("strong", { textContent: sender }), clock(message.sent_at));
  item.className = message.deleted ? "message deleted" : "message";
  if (!message.deleted) {
    const remove = element("button", { type: "button", className: "remove", textContent: "Delete" });
    remove.setAttribute("aria-label", `Delete this message of ${sender}`);
    remove.addEventListener("click", () => act("delete", { message: message.id }));
    head.append(remove);
  }
  const text = element("p", { className: "text", textContent: message.deleted ? "Deleted" : message.text });
  item.replaceChildren(head, text, ...(message.deleted ? [] : [ticks(message, names)]));
}

function ticks(message, names) {
  const list = element("ul", { className: "ticks" });
  for (const { user_id, status } of message.recipients) {
    list.append(element("li", { className: status, textContent: `${TICKS[status]} ${names.get(user_id) || user_id}` }));
  }
  return list;
}

function drawReaders(holder, conversation) {
  const make = (person) => {
    const button = element("button", { type: "button" });
    button.addEventListener("click", () => act("read", { conversation: conversation.id, user: person.user_id }));
    return button;
  };
  keyed(holder, conversation.participants, (person) => person.user_id, make, (button, person) => {
    button.textContent = `Read as ${person.name}`;
  });
}

// Phones

function drawPhone(node, phone) {
  node.querySelector("h3").textContent = phone.owner || "Somebody";
  node.querySelector(".e164").textContent = phone.phone;
  node.querySelector(".none").hidden = phone.threads.length > 0;
  const make = (thread) => makeThread(phone.phone, thread.number);
  keyed(node.querySelector(".threads"), phone.threads, (thread) => thread.number, make, drawThread);
}

function makeThread(phone, number) {
  const node = fromTemplate("thread-template");
  const form = node.querySelector("form");
  node.querySelector("h4").textContent = number;
  node.querySelector(".texts").setAttribute("aria-label", `Texts with ${number}`);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await submitText(form, "text", { phone, number });
  });
  return node;
}

function drawThread(node, thread) {
  const list = node.querySelector(".texts");
  toEnd(list, () => keyed(list, thread.messages, (text) => text.id, () => element("li"), drawText));
}

function drawText(item, text) {
  const note = { waiting: " · sending", lost: " · not delivered" }[text.status] || "";
  item.className = `sms ${text.direction}${text.status === "lost" ? " lost" : ""}`;
  item.replaceChildren(
    element("span", { className: "text-body", textContent: text.text }),
    element("small", { textContent: clock(text.at) + note }),
  );
}

// People, facts, and the loop

function drawMembers(people) {
  const holder = byId("members");
  holder.querySelector(".hint").hidden = people.length > 0;
  byId("no-people").hidden = people.length > 0;
  const known = new Map([...holder.querySelectorAll("label")].map((label) => [label.dataset.user, label]));
  for (const person of people) {
    if (known.has(person.user_id)) continue;
    const box = element("input", { type: "checkbox", name: "participants", value: person.user_id });
    const label = element("label", {}, box, person.name);
    label.dataset.user = person.user_id;
    holder.append(label);
  }
}

function drawFacts(state) {
  const facts = state.webhooks.map((webhook) => ({ name: `Webhook ${webhook.status}`, kind: webhook.status }));
  if (!facts.length) facts.push({ name: "No webhook registered", kind: "inactive" });
  const waiting = state.waiting === 1 ? "1 delivery waiting" : `${state.waiting} deliveries waiting`;
  facts.push({ name: waiting, kind: state.waiting ? "" : "active" });
  const numbered = facts.map((fact, place) => ({ ...fact, place: String(place) }));
  keyed(byId("facts"), numbered, (fact) => fact.place, () => element("li"), (item, fact) => {
    item.className = fact.kind;
    item.textContent = fact.name;
  });
}

function draw(state) {
  drawFacts(state);
  drawMembers(state.people);
  keyed(byId("conversations"), state.conversations, (one) => one.id, makeConversation, drawConversation);
  keyed(byId("phones"), state.phones, (one) => one.phone, () => fromTemplate("phone-template"), drawPhone);
  byId("no-conversations").hidden = state.conversations.length > 0;
  byId("no-phones").hidden = state.phones.length > 0;
}

async function refresh() {
  draw(await call("state"));
}

async function poll() {
  try {
    if (!document.hidden) await refresh();
    if (byId("alert").dataset.lost) {
      delete byId("alert").dataset.lost;
      complain("");
    }
  } catch {
    byId("alert").dataset.lost = "1";
    complain("The simulator does not answer. It is asked again every second.");
  }
  setTimeout(poll, 1000);
}

byId("examples").addEventListener("click", async () => {
  for (const person of EXAMPLES) await act("people", person);
});

byId("new-person").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (await act("people", Object.fromEntries(new FormData(form)))) form.reset();
});

byId("new-conversation").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const data = new FormData(form);
  const participants = data.getAll("participants");
  if (participants.length < 2) return complain("Choose at least two people.");
  if (await act("conversations", { title: data.get("title"), participants })) form.reset();
});

poll();
