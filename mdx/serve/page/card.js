// A song of the list: its state, what can be done with it, and its player once it is opened.

import { ask, jobPath } from "./api.js";
import { button, make } from "./elements.js";
import { Player } from "./player.js";
import { clock, share, stateWords, wishWords } from "./words.js";

export class Card {
  player = null;

  constructor(context, job) {
    this.context = context;
    this.job = job;
    this.state = make("p", { class: "state" });
    this.progress = make("progress", { max: 1, "aria-label": `Progress of ${job.name}` });
    this.facts = make("ul", { class: "soft", hidden: true });
    this.listen = button("Listen", () => (this.player ? this.close() : this.open()), { class: "listen primary", "aria-expanded": "false" });
    const does = (method, rest, body) => () =>
      ask(method, jobPath(this.job, rest), body?.()).catch((error) => context.complain(error.message));
    this.cancel = button("Cancel", does("POST", "/cancel"), { class: "cancel" });
    this.retry = button("Try again", does("POST", "/again", () => this.job.wish), { class: "retry" });
    this.discard = button("Remove", does("DELETE", ""), { class: "quiet discard" });
    this.element = make("article", { class: "song", "aria-label": job.name },
      make("div", { class: "song-head" },
        make("div", {}, make("h3", {}, job.name, make("small", {}, wishWords(job.wish))), this.state),
        make("div", { class: "buttons" }, this.listen, this.retry, this.cancel, this.discard)),
      this.progress, this.facts);
    this.element.dataset.job = job.id;
  }

  show(job, before) {
    if (this.job === job && this.before === before) return;
    const changed = this.shown?.state !== job.state;
    this.job = this.shown = job;
    this.before = before;
    this.element.className = `song ${job.state}`;
    this.state.textContent = stateWords(job, before);
    this.progress.value = share(job);
    const busy = ["uploading", "queued", "working"].includes(job.state);
    this.progress.hidden = !busy;
    this.listen.hidden = job.state !== "done";
    this.cancel.hidden = !busy;
    this.retry.hidden = !(["failed", "cancelled"].includes(job.state) && job.received === job.bytes);
    this.discard.hidden = busy;
    if (changed) this.#showFacts();
  }

  #showFacts() {
    const { degraded, notes } = this.job;
    const lines = [
      ...degraded.map(({ from, level }) => `From ${clock(from)} on with less quality, to keep the time limit: ${level}`),
      ...notes,
    ];
    this.facts.replaceChildren(...lines.map((line) => make("li", {}, line)));
    this.facts.hidden = !lines.length;
  }

  open() {
    this.context.opened(this);
    this.player = new Player(this.context, this.job);
    this.element.append(this.player.element);
    this.element.player = this.player;
    this.#showOpen(true);
  }

  close() {
    this.player?.close();
    this.player = null;
    this.element.player = null;
    this.#showOpen(false);
  }

  #showOpen(open) {
    this.listen.textContent = open ? "Close" : "Listen";
    this.listen.setAttribute("aria-expanded", String(open));
  }

  remove() {
    this.close();
    this.element.remove();
  }
}
