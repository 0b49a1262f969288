// The page: what was dropped goes to the server, and the list shows what becomes of it.

import { ask, listen } from "./api.js";
import { Card } from "./card.js";
import { setUpDrop } from "./drop.js";
import { setUpKeyboard } from "./keyboard.js";
import { Uploads } from "./uploads.js";
import { setUpWish } from "./wish.js";

const find = (id) => document.getElementById(id);
const facts = JSON.parse(find("facts").textContent);
const jobs = new Map();
const cards = new Map();
let open = null; // the card whose player is open: one at a time
let isLost = false; // whether the message that is shown is that of a lost server

const wish = setUpWish(facts);
const uploads = new Uploads({ mostUpload: facts.mostUpload, complain });
setUpDrop(find("drop"), (songs) => {
  complain(songs.length ? "" : "No song was found there: a folder is searched for audio and video files.");
  uploads.add(songs, wish());
});
window.addEventListener("beforeunload", (event) => {
  if (uploads.unsent) event.preventDefault(); // the browser asks
});
setUpKeyboard(() => open?.player);
find("clear").addEventListener("click", () => ask("DELETE", "/api/jobs").catch((error) => complain(error.message)));

const context = {
  facts, complain, uploads,
  all: () => [...jobs.values()],
  opened: (card) => { if (open && open !== card) open.close(); open = card; },
};

listen({
  all(found) {
    if (isLost) complain("");
    const known = new Set(found.map((job) => job.id));
    for (const id of [...jobs.keys()]) if (!known.has(id)) forget(id);
    for (const job of found) keep(job);
    show();
  },
  one(job) { keep(job); show(); },
  gone(id) { forget(id); show(); },
  lost() {
    complain("The server does not answer. This page goes on by itself as soon as it does.");
    isLost = true;
  },
  isNeeded: () => uploads.unsent,
});

function keep(job) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  if (!cards.has(job.id)) {
    const card = new Card(context, job);
    cards.set(job.id, card);
    find("songs").prepend(card.element);
  }
  if (before && before.state !== job.state && ["done", "failed"].includes(job.state)) {
    find("announcer").textContent = `${job.name}: ${job.state}`;
  }
  uploads.follow(job);
}

function forget(id) {
  cards.get(id)?.remove();
  cards.delete(id);
  uploads.drop(id);
  jobs.delete(id);
}

function show() {
  let before = 0;
  for (const job of jobs.values()) {
    cards.get(job.id).show(job, before);
    if (["queued", "working"].includes(job.state)) before += 1;
  }
  open?.player?.update(jobs.get(open.job.id)); // other versions of its song may have come
  const states = [...jobs.values()].map((job) => job.state);
  const count = (...wanted) => states.filter((state) => wanted.includes(state)).length;
  const parts = [
    [count("uploading", "queued", "working"), "to come"],
    ...["done", "failed", "cancelled"].map((state) => [count(state), state]),
  ];
  find("summary").textContent = parts.filter(([number]) => number).map((part) => part.join(" ")).join(", ");
  find("empty").hidden = states.length > 0;
  find("clear").hidden = count("done", "failed", "cancelled") < 2;
}

function complain(text) {
  isLost = false;
  find("connection").textContent = text;
  find("connection").hidden = !text;
}
