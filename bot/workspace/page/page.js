// The local workspace as its people see it. Everything shown is made of text nodes: nothing that
// anybody wrote is ever read as HTML. The driver's token comes in the address after `#`.
"use strict";

const token = decodeURIComponent(location.hash.slice(1));
const byId = (id) => document.getElementById(id);
const state = { people: [], channels: [], user: "", place: "", thread: "", shown: {}, fields: 0 };

async function ask(path, body) {
  const asked = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(`/driver/${path}`, { ...asked, headers });
  const found = await answer.json();
  byId("problem").textContent = answer.ok ? "" : found.error + (found.detail ? `: ${found.detail}` : "");
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function make(name, given = {}, ...inside) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) found.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) found.setAttribute(key, value);
  }
  found.append(...inside.filter((one) => one !== undefined && one !== null));
  return found;
}

// --- text ----------------------------------------------------------------------------------------

const plain = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

function mrkdwn(text) {
  const pieces = text.split(/(```[\s\S]*?```|`[^`\n]+`|\*[^*\n]+\*|<[^>\n]+>)/);
  return pieces.filter(Boolean).map((piece) => {
    if (/^```/.test(piece)) return make("pre", { tabindex: 0 }, plain(piece.slice(3, -3).replace(/^\n|\n$/g, "")));
    if (/^`/.test(piece)) return make("code", {}, plain(piece.slice(1, -1)));
    if (/^\*/.test(piece)) return make("strong", {}, ...mrkdwn(piece.slice(1, -1)));
    const link = /^<(https?:[^|>]+)\|?([^>]*)>$/.exec(piece);
    if (link) return make("a", { href: plain(link[1]), rel: "noreferrer" }, plain(link[2] || link[1]));
    return document.createTextNode(plain(piece));
  });
}

const textOf = (text) => (text.type === "mrkdwn" ? mrkdwn(text.text) : [text.text]);

// --- blocks --------------------------------------------------------------------------------------

const STATES = { pending: ["○", "to come"], in_progress: ["◔", "now"], complete: ["✓", "done"], error: ["✗", "not done"] };

function block(given, on) {
  switch (given.type) {
    case "header": return make("h3", {}, given.text.text);
    case "divider": return make("hr");
    case "image": return make("img", { src: given.image_url, alt: given.alt_text });
    case "context": return make("div", { class: "context" }, ...given.elements.flatMap(textOf));
    case "actions": return make("div", { class: "actions" }, ...given.elements.map((one) => button(one, on)));
    case "input": return field(given, on);
    case "plan": return make("div", { class: "plan" }, make("strong", {}, given.title),
      make("ol", {}, ...given.tasks.map((one) => make("li", { class: one.status },
        make("span", { "aria-hidden": "true" }, STATES[one.status][0]),
        make("span", { class: "hidden" }, `${STATES[one.status][1]}: `), ` ${one.title}`))));
    case "section": return make("div", {},
      given.text && make("div", { class: "section" }, ...textOf(given.text)),
      given.fields && make("div", { class: "fields" }, ...given.fields.map((one) => make("div", {}, ...textOf(one)))));
    default: return make("div", { class: "note" }, `(${given.type})`);
  }
}

function button(given, on) {
  const look = ["button", given.style].filter(Boolean).join(" ");
  if (given.url) return make("a", { class: look, href: given.url, target: "_blank", rel: "noreferrer" }, given.text.text);
  const press = () => {
    const sure = given.confirm && `${given.confirm.title.text}\n${given.confirm.text.text}`;
    if (!sure || confirm(sure)) on.click(given.action_id);
  };
  return make("button", { type: "button", class: look, "data-action": given.action_id, onclick: press }, given.text.text);
}

function field(given, on) {
  const element = given.element;
  const name = { name: element.action_id, "data-input": element.action_id, required: on.strict && !given.optional };
  let control;
  if (element.type === "static_select") {
    const empty = make("option", { value: "" }, "Choose…");
    const options = element.options.map((one) => make("option", {
      value: one.value, selected: element.initial_option && element.initial_option.value === one.value,
    }, one.text.text));
    control = make("select", name, empty, ...options);
  } else {
    control = make(element.multiline ? "textarea" : "input", { ...name, maxlength: element.max_length });
    control.value = (on.typed && on.typed[element.action_id]) || element.initial_value || "";
  }
  const id = `field-${state.fields += 1}`;
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-hint`);
  const error = on.errors && on.errors[given.block_id];
  return make("div", { class: "field" },
    make("label", { for: id }, given.label.text + (given.optional ? " (optional)" : "")), control,
    make("div", { class: "hint", id: `${id}-hint` }, given.hint ? given.hint.text : ""),
    error && make("div", { class: "error", role: "alert" }, error));
}

// An image is asked for with the driver's token, once, and shown from memory.
const images = {};
function image(file) {
  const shown = make("img", { alt: file.alt_txt || file.title, title: file.title, class: "shared" });
  images[file.id] ||= fetch(`/driver/file/${file.id}`, { headers: { Authorization: `Bearer ${token}` } })
    .then((answer) => answer.blob()).then((found) => URL.createObjectURL(found));
  images[file.id].then((address) => { shown.src = address; });
  return shown;
}

const typedIn = (place) => Object.fromEntries(
  [...place.querySelectorAll("[data-input]")].map((one) => [one.dataset.input, one.value]));

// --- messages ------------------------------------------------------------------------------------

const nameOf = (id) => (state.people.find((one) => one.id === id) || { name: "tuneboard" }).name;
const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;

function message(given, all) {
  const name = nameOf(given.user);
  const at = new Date(Number(given.ts) * 1000).toLocaleTimeString();
  const replies = all.filter((one) => one.thread_ts === given.ts && isReply(one)).length;
  const old = document.querySelector(`[data-ts="${given.ts}"]`);
  const on = {
    typed: old ? typedIn(old) : {},
    click: (action) => {
      const inputs = typedIn(document.querySelector(`[data-ts="${given.ts}"]`));
      act("click", { channel: given.channel, ts: given.ts, action_id: action, inputs });
    },
  };
  const body = given.blocks.length ? given.blocks.map((one) => block(one, on))
    : [make("div", { class: "section" }, ...mrkdwn(given.text))];
  const images = (given.files || []).map(image);
  const links = Object.values(given.unfurls || {}).map((one) =>
    make("div", { class: "only" }, ...(one.blocks || []).map((each) => block(each, on))));
  return make("article", { class: `message${given.by_bot ? " bot" : ""}${given.visible_to ? " only" : ""}`, "data-ts": given.ts },
    make("div", { class: "face", "aria-hidden": "true" }, name[0].toUpperCase()),
    make("div", {}, make("span", { class: "by" }, name), " ", make("span", { class: "at" }, at),
      given.visible_to && make("span", { class: "note" }, " · only visible to you"), ...body, ...links, ...images,
      replies ? make("button", { class: "replies-link", type: "button", onclick: () => openThread(given.ts) },
        `${replies} ${replies === 1 ? "reply" : "replies"}`) : undefined));
}

function draw(place, messages, all) {
  const text = JSON.stringify([messages, all.length, state.user]);
  if (state.shown[place.id] === text || place.contains(document.activeElement) && document.activeElement.dataset.input) return;
  const first = state.shown[place.id] === undefined;
  state.shown[place.id] = text;
  const atEnd = first || place.scrollHeight - place.scrollTop - place.clientHeight < 80;
  place.replaceChildren(...messages.map((one) => message(one, all)));
  if (atEnd) place.scrollTop = place.scrollHeight;
}

function openThread(ts) {
  state.thread = ts;
  byId("thread").hidden = !ts;
  delete state.shown.replies;
  refresh();
}

// --- Home tab and forms --------------------------------------------------------------------------

function drawHome(home) {
  const text = JSON.stringify(home);
  if (state.shown.messages === text) return;
  state.shown.messages = text;
  const on = { click: (action) => act("click_home", { action_id: action }) };
  const body = home ? home.content.blocks.map((one) => block(one, on)) : ["Opening…"];
  byId("messages").replaceChildren(...body);
}

function drawModal(view) {
  const dialog = byId("modal");
  const text = view && JSON.stringify([view.id, view.hash, view.errors]);
  if (state.shown.modal === text) return;
  state.shown.modal = text;
  if (!view) { dialog.close(); return; }
  const typed = dialog.dataset.view === view.id ? typedIn(dialog) : {};
  dialog.dataset.view = view.id;
  const on = { strict: true, typed, errors: view.errors, click: () => {} };
  const close = () => act("close", { view_id: view.id });
  const send = (event) => { event.preventDefault(); act("submit", { view_id: view.id, given: typedIn(dialog) }); };
  const form = make("form", { onsubmit: send }, ...view.content.blocks.map((one) => block(one, on)),
    view.errors[""] && make("p", { class: "error", role: "alert" }, view.errors[""]),
    make("div", { class: "actions" },
      view.content.submit && make("button", { class: "primary" }, view.content.submit.text),
      make("button", { type: "button", onclick: close }, view.content.close ? view.content.close.text : "Close")));
  dialog.replaceChildren(make("h2", { id: "modal-title" }, view.content.title.text), form);
  for (const [name, value] of Object.entries(typed)) {
    const control = dialog.querySelector(`[data-input="${name}"]`);
    if (control) control.value = value;
  }
  dialog.oncancel = (event) => { event.preventDefault(); close(); };
  if (!dialog.open) dialog.showModal();
}

// --- doing and looking ---------------------------------------------------------------------------

async function act(what, body) {
  try { await ask(what, { user: state.user, ...body }); } catch (error) { console.info(error.message); }
  await refresh();
}

async function refresh() {
  const screen = await ask(`screen?user=${state.user}`);
  drawModal(screen.modal);
  if (state.place === "home") { drawHome(screen.home); return; }
  const found = await ask(`view?channel=${state.place}&user=${state.user}`);
  draw(byId("messages"), found.messages.filter((one) => !isReply(one) || one.visible_to), found.messages);
  if (state.thread) {
    const replies = found.messages.filter((one) => one.ts === state.thread || one.thread_ts === state.thread);
    draw(byId("replies"), replies, []);
  }
}

function go(place) {
  state.place = place;
  state.shown = { modal: state.shown.modal };
  byId("messages").replaceChildren();  // what one person typed is not another's
  openThread("");
  for (const one of document.querySelectorAll("nav button")) {
    if (one.dataset.place === place) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  byId("where").textContent = document.querySelector(`[data-place="${place}"]`).textContent;
  byId("composer").hidden = place === "home";
  if (place === "home") act("home", {});
}

function become(user) {
  state.user = user;
  const places = state.channels.filter((one) => one.members.includes(user)).map((one) => [one.id, `# ${one.name}`]);
  places.push([user, "Tuneboard (direct)"], ["home", "Tuneboard: Home"]);
  byId("places").replaceChildren(...places.map(([id, label]) =>
    make("li", {}, make("button", { type: "button", "data-place": id, onclick: () => go(id) }, label))));
  go(places[0][0]);
}

function write(line, thread) {
  const text = line.value.trim();
  if (!text) return;
  line.value = "";
  const said = text.replace(/^@tuneboard\b/i, `<@${state.bot}>`);
  if (text.startsWith("/")) act("command", { channel: state.place, line: text });
  else act("say", { channel: state.place, text: said, ...(thread ? { thread_ts: thread } : {}) });
}

async function start() {
  const found = await ask("place");
  Object.assign(state, { people: found.users, channels: found.channels, bot: found.bot_user_id });
  byId("who").replaceChildren(...found.users.map((one) => make("option", { value: one.id }, one.real_name || one.name)));
  byId("who").addEventListener("change", (event) => become(event.target.value));
  byId("close-thread").addEventListener("click", () => openThread(""));
  byId("composer").addEventListener("submit", (event) => { event.preventDefault(); write(byId("line"), ""); });
  byId("reply").addEventListener("submit", (event) => { event.preventDefault(); write(byId("reply-line"), state.thread); });
  become(found.users[0].id);
  for (;;) {
    await new Promise((done) => setTimeout(done, 700));
    try { await refresh(); } catch (error) { byId("problem").textContent = "The workspace does not answer."; }
  }
}

start().catch((error) => { byId("problem").textContent = `The workspace cannot be shown: ${error.message}`; });
