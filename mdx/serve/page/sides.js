// The versions of a song that can be played: this job's stems, other systems', the true ones.

import { make } from "./elements.js";
import { wishWords } from "./words.js";

export function sidesOf(job, all) {
  const side = (other) => ({
    key: other.id, label: wishWords(other.wish), job: other,
    tracks: new Map(other.stems.map((name) => [name, { job: other, kind: "stem", name }])),
  });
  const others = all.filter((it) => it.song === job.song && it.id !== job.id && it.state === "done");
  const sides = [job, ...others].map(side);
  if (job.truth.length) {
    const tracks = new Map(job.truth.map((name) => [name, { job, kind: "truth", name, version: job.truth_version }]));
    sides.push({ key: "truth", label: "true stems", job: null, tracks });
  }
  return sides;
}

// The choice among them; blind, they are letters in an order that nobody knows.
export class SideChoice {
  constructor(onChange) {
    this.onChange = onChange;
    this.blind = make("input", { type: "checkbox", onchange: () => this.#shuffle() });
    this.buttons = make("span", { class: "sides" });
    this.element = make("fieldset", { class: "sides" }, make("legend", {}, "Version"), this.buttons,
      make("label", { class: "blind soft" }, this.blind, " blind: hide which is which"));
  }

  get isBlind() {
    return this.blind.checked;
  }

  setSides(sides) {
    const order = new Map(this.sides?.map((side, index) => [side.key, index]));
    // While it is blind, the order that was drawn stays; newcomers are last.
    this.sides = this.isBlind ? [...sides].sort((a, b) => (order.get(a.key) ?? 99) - (order.get(b.key) ?? 99)) : sides;
    this.selected = this.sides.find((side) => side.key === this.selected?.key) ?? this.sides[0];
    this.#show();
  }

  #shuffle() {
    if (this.isBlind) {
      this.sides = this.sides.map((side) => [Math.random(), side]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1]);
      this.selected = this.sides[0];
    }
    this.#show();
    this.onChange();
  }

  #show() {
    this.element.hidden = this.sides.length < 2;
    this.buttons.replaceChildren(...this.sides.map((side, index) => {
      const name = this.isBlind ? String.fromCharCode(65 + index) : side.label;
      return make("button", {
        type: "button", class: "side", "aria-pressed": String(side === this.selected),
        onclick: () => { this.selected = side; this.#show(); this.onChange(); this.buttons.children[index].focus(); },
      }, name);
    }));
  }
}
