// A row of the player: a stem with mute, solo, fader and picture, or the original.

import { button, make, press } from "./elements.js";
import { drawOutline, drawSpectrum } from "./pictures.js";
import { decibels } from "./words.js";

const LOWEST = -36, HIGHEST = 6; // dB; the lowest is silence

export class Row {
  muted = false;
  solo = false;
  #picture = null; // { kind, content, loudest }

  constructor({ name, label, number, isOriginal, onChange, onSeek, onOriginal }) {
    this.name = name;
    this.onChange = onChange;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.head = make("div", { class: "head" });
    this.view = make("div", { class: "view", onclick: (event) => {
      const box = this.view.getBoundingClientRect();
      onSeek((event.clientX - box.left) / box.width);
    } }, this.canvas, this.head);
    this.element = make("div", { class: `track ${name}`, role: "group", "aria-label": label });
    this.element.dataset.track = name;
    const parts = isOriginal ? this.#originalParts(onOriginal) : this.#stemParts(label, number);
    this.element.append(make("span", { class: "name" }, label), ...parts, this.view);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.view);
  }

  #originalParts(onOriginal) {
    this.only = button("Only this", onOriginal, { class: "original", title: "Key: 0", "aria-pressed": "false" });
    return [make("span", { class: "keys" }, this.only), make("span", { class: "fader" })];
  }

  #stemParts(label, number) {
    const key = number <= 9 ? `Key: ${number}` : "";
    this.mute = button("M", () => this.toggleMute(), {
      class: "mute", title: `Mute. ${key}`, "aria-label": `Mute ${label}`, "aria-pressed": "false",
    });
    this.alone = button("S", () => this.toggleSolo(), {
      class: "solo", title: `Solo. ${key && `${key} with shift`}`, "aria-label": `Solo ${label}`, "aria-pressed": "false",
    });
    this.fader = make("input", {
      type: "range", min: LOWEST, max: HIGHEST, step: 0.5, value: 0, "aria-label": `Volume of ${label}`,
      oninput: () => this.#moved(), ondblclick: () => this.setLevel(0),
    });
    this.level = make("output", {});
    this.download = make("a", { class: "button quiet", title: `Download ${label}`, "aria-label": `Download ${label}` }, "↓");
    this.download.setAttribute("download", "");
    this.#say();
    return [
      make("span", { class: "keys" }, this.mute, this.alone, this.download),
      make("span", { class: "fader" }, this.fader, this.level),
    ];
  }

  get gain() {
    const value = Number(this.fader.value);
    return value <= LOWEST ? 0 : 10 ** (value / 20);
  }

  toggleMute() {
    this.muted = !this.muted;
    press(this.mute, this.muted);
    this.onChange();
  }

  toggleSolo() {
    this.solo = !this.solo;
    press(this.alone, this.solo);
    this.onChange();
  }

  setLevel(value) {
    this.fader.value = value;
    this.#moved();
  }

  #moved() {
    this.#say();
    this.onChange();
  }

  #say() {
    const value = Number(this.fader.value);
    const text = value <= LOWEST ? "off" : decibels(value);
    this.level.textContent = text;
    this.fader.setAttribute("aria-valuetext", text);
  }

  setSilent(silent) {
    this.element.classList.toggle("silent", silent);
  }

  setHead(share) {
    this.head.style.left = `${100 * share}%`;
  }

  setPicture(kind, content, loudest) {
    this.#picture = { kind, content, loudest };
    this.draw();
  }

  draw() {
    if (!this.#picture || !this.view.clientWidth) return;
    const { kind, content, loudest } = this.#picture;
    if (kind === "spectrum") drawSpectrum(this.canvas, content);
    else drawOutline(this.canvas, content, loudest);
  }

  close() {
    this.resized.disconnect();
  }
}
