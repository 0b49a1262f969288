// How songs are to be separated: three menus, and a line on the system.

import { make } from "./elements.js";

const find = (id) => document.getElementById(id);

export function setUpWish(facts) {
  const [system, stems, precision] = ["system", "stems", "precision"].map(find);
  const chosen = () => facts.systems.find((it) => it.name === system.value);
  const show = () => {
    const it = chosen();
    stems.replaceChildren(...stemChoices(it));
    precision.replaceChildren(...precisionChoices(it, facts.precision));
    find("about").textContent = `${it.description}. Trained on: ${it.data}. Licence: ${it.licence}.`;
  };
  system.addEventListener("change", show);
  system.value = facts.system;
  show();
  return () => ({ system: system.value, precision: precision.value, two_stems: stems.value || null });
}

export function stemChoices(system) {
  const all = make("option", { value: "" }, system.stems.length > 2 ? "all" : system.stems.join(", "));
  if (system.stems.length <= 2) return [all];
  return [all, ...system.stems.map((stem) => make("option", { value: stem }, `${stem} and the rest`))];
}

export function precisionChoices(system, preferred) {
  const words = { float32: "best (float32)", bf16: "faster (bf16)", int8: "fastest (int8)" };
  return system.precisions.map((it) => make("option", { value: it, selected: it === preferred }, words[it]));
}
