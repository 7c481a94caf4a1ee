// What the desk does beyond plain forms: follows along, previews captions, and listens to a few keys. Everything that
// decides works without it.
"use strict";

const find = (root, field) => root.querySelector(`[data-field="${field}"]`);

function show(root, field, text) {
  const element = find(root, field);
  if (element && element.textContent !== text) element.textContent = text;
}

// One status document into the box of its content: what moves often is in it, so that no page is asked for.
function apply(status, box) {
  show(box, "state", status.standing);
  const chip = find(box, "state");
  if (chip) chip.className = `state state-${status.standing.replaceAll(" ", "_")}`;
  const overall = find(box, "progress");
  if (overall) overall.value = status.progress;
  show(box, "percent", `${status.progress}%`);
  let isNew = false;
  for (const render of status.renders) {
    const row = box.querySelector(`[data-sequence="${render.sequence}"]`);
    if (!row) {
      isNew = isDetail;
      continue;
    }
    show(row, "render-state", render.state);
    find(row, "render-progress").value = render.progress;
  }
  // Posts move without a step of their content; the first event only says how they stand on the page already.
  const posts = JSON.stringify(status.posts);
  const areMoved = (box.dataset.posts || posts) !== posts;
  box.dataset.posts = posts;
  // Every step counts the version up, an edited caption and a hold too; an older one is an event that comes late.
  if (!isNew && !areMoved && status.version <= Number(box.dataset.version)) return;
  box.dataset.version = Math.max(status.version, box.dataset.version);
  if (isDetail) refresh();
  else say("Something has changed.");
}

const isDetail = document.body.classList.contains("detail");
const regions = new Map([...document.querySelectorAll("[data-live]")].map((region) => [region.id, region.innerHTML]));
let isLeaving = false;
let isDirty = false;
let isRefreshing = false;
let isAskedAgain = false;

function say(words) {
  const banner = document.getElementById("moved");
  if (!banner) return;
  show(banner, "moved", words);
  banner.hidden = false;
}

// The page is patched, never loaded again by itself: a reload while a form is under way would take away its answer.
async function refresh() {
  if (isRefreshing) {
    isAskedAgain = true;
    return;
  }
  isRefreshing = true;
  try {
    const address = document.querySelector("[data-address]").dataset.address;
    const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "error" });
    if (answer.ok) patch(new DOMParser().parseFromString(await answer.text(), "text/html"));
    else say("This has changed.");
  } catch {
    say("This has changed."); // the network is away; the event stream reconnects
  } finally {
    isRefreshing = false;
  }
  if (isAskedAgain) {
    isAskedAgain = false;
    refresh();
  }
}

function patch(fresh) {
  if (isLeaving) return;
  const [ours, theirs] = [document, fresh].map((page) => page.querySelector("[data-bound]"));
  // No press may land on words that came under the thumb: where something can be decided, what a decision is bound to
  // stays as it was seen until the person asks for what it is now.
  const keepsBound = document.body.classList.contains("decides") && ours.dataset.bound !== theirs.dataset.bound;
  if (keepsBound) say(`This has moved on: it is ${theirs.dataset.state.replaceAll("_", " ")} now.`);
  for (const region of fresh.querySelectorAll("[data-live]")) {
    if (!regions.has(region.id)) continue; // a preview's caption is not what is stored
    const old = document.getElementById(region.id);
    if (regions.get(region.id) === region.innerHTML || (keepsBound && region.dataset.live === "bound")) continue;
    if (isInUse(old)) {
      say("This has changed.");
      continue;
    }
    regions.set(region.id, region.innerHTML);
    old.innerHTML = region.innerHTML;
    prepare(old);
  }
  if (!keepsBound) {
    document.body.className = fresh.body.className;
    ours.dataset.bound = theirs.dataset.bound;
  }
  ours.dataset.state = theirs.dataset.state;
}

function isInUse(region) {
  const isTyped = isDirty && region.querySelector("textarea, input:not([type=hidden])");
  const isPlayed = [...region.querySelectorAll("video")].some((video) => !video.paused);
  return isTyped || isPlayed || region.contains(document.activeElement) || region.querySelector("details[open]");
}

function follow(url) {
  const source = new EventSource(url);
  source.addEventListener("status", (event) => {
    const status = JSON.parse(event.data);
    const box = document.querySelector(`[data-content="${CSS.escape(status.content_id)}"]`);
    if (box) apply(status, box);
    else say("Something has changed.");
    document.body.dataset.live = status.event_id;
    if (status.terminal && url !== "/events") {
      source.close();
      document.body.dataset.connected = "over";
    }
  });
  source.addEventListener("reset", () => (isDetail ? refresh() : say("Something has changed.")));
  source.addEventListener("open", () => { document.body.dataset.connected = "yes"; });
  source.addEventListener("error", () => { document.body.dataset.connected = "no"; });
  addEventListener("pagehide", () => source.close());
}

addEventListener("submit", () => { isLeaving = true; });
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // out of the browser's memory, where no event reached it
});

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
      for (const caption of (await answer.json()).captions) {
        const box = document.querySelector(`[data-platform="${caption.platform}"]`);
        if (!box) continue;
        show(box, "size", String(caption.size));
        find(box, "meter").value = caption.size;
        show(box, "text", caption.text);
        show(box, "title", caption.title || "");
        show(box, "problem", caption.problem || "");
        find(box, "problem").hidden = !caption.problem;
        show(box, "dropped", `Left out, too long: ${caption.dropped_hashtags.join(" ")}`);
        find(box, "dropped").hidden = caption.dropped_hashtags.length === 0;
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

// What a page or a part of it needs once it is there.
function prepare(root) {
  // Only one of the choices is open at a time, and its first field is what one wants to type into.
  for (const box of root.querySelectorAll(".choices details")) {
    box.addEventListener("toggle", () => {
      if (!box.open) return;
      for (const other of document.querySelectorAll(".choices details[open]")) if (other !== box) other.open = false;
      box.querySelector("input:not([type=hidden])")?.focus();
    });
  }
  for (const note of root.querySelectorAll("input[name=note]")) {
    note.addEventListener("input", () => { isDirty = true; });
  }
  for (const form of root.querySelectorAll("form[data-preview]")) preview(form);
  for (const time of root.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString();
}

prepare(document);
// What came of an act is said once, not again when the page is loaded again.
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
  if (marker && marker !== work.dataset.marker) say("Something has changed.");
}
if (work) setInterval(() => followWork().catch(() => {}), 2000);
if (document.body.dataset.events && window.EventSource) follow(document.body.dataset.events);
keys();
