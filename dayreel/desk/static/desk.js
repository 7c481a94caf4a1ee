// What the desk does beyond plain forms: follows along, previews captions, and listens to a few keys. Everything that
// decides works without it.
"use strict";

const find = (root, field) => root.querySelector(`[data-field="${field}"]`);

function show(root, field, text) {
  const element = find(root, field);
  if (element && element.textContent !== text) element.textContent = text;
}

function apply(document_, box) {
  show(box, "state", document_.state.replaceAll("_", " "));
  const overall = find(box, "progress");
  if (overall) overall.value = document_.progress;
  show(box, "percent", `${document_.progress}%`);
  let isNew = false;
  for (const render of document_.renders) {
    const row = box.querySelector(`[data-sequence="${render.sequence}"]`);
    if (!row) {
      isNew = box.classList.contains("content");
      continue;
    }
    show(row, "render-state", render.state);
    find(row, "render-progress").value = render.progress;
  }
  // Every step counts the version up, an edited caption and a hold too; an older one is an event that comes late.
  if (isNew || document_.version > Number(box.dataset.version)) hasMoved(box, document_);
}

let isDirty = false;

function hasMoved(box, document_) {
  const told = document.getElementById("moved");
  const isDecision = document.body.classList.contains("decides") && document_.state === box.dataset.state;
  const mayReload = !isDirty && !isDecision && box.classList.contains("content");
  box.dataset.state = document_.state;
  box.dataset.version = document_.version;
  // A page that only watches shows the new state at once. One with something typed asks first, and so does one that can
  // still be decided: no press may land on words that came under the thumb.
  if (mayReload) location.reload();
  else if (told) told.hidden = false;
}

function follow(url) {
  const source = new EventSource(url);
  source.addEventListener("status", (event) => {
    const status = JSON.parse(event.data);
    const box = document.querySelector(`[data-content="${CSS.escape(status.content_id)}"]`);
    if (box) apply(status, box);
    else if (document.getElementById("moved")) document.getElementById("moved").hidden = false;
    document.body.dataset.live = status.event_id;
    if (status.terminal && url !== "/events") source.close();
  });
  source.addEventListener("reset", () => location.reload());
  source.addEventListener("open", () => { document.body.dataset.connected = "yes"; });
  source.addEventListener("error", () => { document.body.dataset.connected = "no"; });
  addEventListener("pagehide", () => source.close());
}

function preview(form) {
  const text = form.querySelector("textarea");
  let waiting = 0;
  text.addEventListener("input", () => {
    isDirty = true;
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.dataset.preview, { method: "POST", body, headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      for (const one of (await answer.json()).captions) {
        const box = document.querySelector(`[data-platform="${one.platform}"]`);
        if (!box) continue;
        show(box, "size", String(one.size));
        find(box, "meter").value = one.size;
        show(box, "text", one.text);
        show(box, "title", one.title || "");
        show(box, "problem", one.problem || "");
        find(box, "problem").hidden = !one.problem;
        show(box, "dropped", `Left out, too long: ${one.dropped_hashtags.join(" ")}`);
        find(box, "dropped").hidden = one.dropped_hashtags.length === 0;
      }
    }, 250);
  });
}

// a, r, e, h go to Approve, the reason of a rejection, the caption, the hold; j and k to the next and previous content.
function keys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, video")) return;
    const links = [...document.querySelectorAll("a.open")];
    const at = links.indexOf(document.activeElement);
    const next = { j: links[Math.min(at + 1, links.length - 1)], k: links[Math.max(at - 1, 0)] }[event.key];
    const target = next || document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target) {
      event.preventDefault();
      const box = target.closest("details");
      if (box) box.open = true;
      target.focus();
    }
  });
}

// Only one of the choices is open at a time, and its first field is what one wants to type into.
for (const box of document.querySelectorAll(".choices details")) {
  box.addEventListener("toggle", () => {
    if (!box.open) return;
    for (const other of document.querySelectorAll(".choices details[open]")) if (other !== box) other.open = false;
    box.querySelector("input:not([type=hidden])")?.focus();
  });
}
for (const note of document.querySelectorAll("input[name=note]")) {
  note.addEventListener("input", () => { isDirty = true; });
}
for (const form of document.querySelectorAll("form[data-preview]")) preview(form);
for (const time of document.querySelectorAll("time")) {
  time.title = new Date(time.dateTime).toLocaleString();
}
// What came of an act is said once, not again when the page reloads itself.
const here = new URL(location.href);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}
// The work on own footage is followed by asking for it again: a job's frame rate is on the shared folder, in no event.
// Whoever is about to press something there is not disturbed.
const work = document.getElementById("work");
async function followWork() {
  if (document.hidden || work.contains(document.activeElement) || work.querySelector("details[open]")) return;
  const answer = await fetch(work.dataset.follow, { headers: { Accept: "text/html" }, redirect: "error" });
  if (!answer.ok) return;
  work.innerHTML = await answer.text();
  const marker = work.firstElementChild?.dataset.marker;
  if (marker && marker !== work.dataset.marker) document.getElementById("moved").hidden = false;
}
if (work) setInterval(() => followWork().catch(() => {}), 2000);
if (document.body.dataset.events && window.EventSource) follow(document.body.dataset.events);
keys();
