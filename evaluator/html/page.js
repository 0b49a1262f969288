"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");

// Plots take their text and lines from the page; all other colours suit both schemes.
function draw(plot) {
  const figure = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  const style = getComputedStyle(document.documentElement);
  const rule = style.getPropertyValue("--rule").trim();
  figure.layout.font.color = style.getPropertyValue("--ink").trim();
  for (const [key, axis] of Object.entries(figure.layout)) {
    if (/^[xy]axis/.test(key)) {
      Object.assign(axis, { gridcolor: rule, zerolinecolor: rule, linecolor: rule });
    }
  }
  Plotly.react(plot, figure.data, figure.layout, { displayModeBar: false, responsive: true });
}

function plots({ drawn }) {
  const all = [...document.querySelectorAll(".plot")];
  return all.filter((plot) => plot.classList.contains("js-plotly-plot") === drawn);
}

// Songs are many: what lies in a closed one is drawn when it is opened.
function drawOpen() {
  plots({ drawn: false }).filter((plot) => !plot.closest("details:not([open])")).forEach(draw);
}

// Browsers have few decoders, and nobody wants to hear what is no longer to be seen.
function unload(song) {
  for (const player of song.querySelectorAll("audio")) {
    if (player.readyState) {
      player.src = String(player.src); // unlike load(), this keeps to preload="none"
    }
  }
}

for (const song of document.querySelectorAll("details")) {
  song.addEventListener("toggle", () => (song.open ? drawOpen() : unload(song)));
}

// One player at a time; the next one of a song goes on where the last one was, to compare them.
function hush({ target }) {
  for (const player of document.querySelectorAll("audio")) {
    if (player !== target && !player.paused) {
      player.pause();
      if (player.closest("details") === target.closest("details")) {
        target.currentTime = player.currentTime;
      }
    }
  }
}

document.addEventListener("play", hush, true);
dark.addEventListener("change", () => plots({ drawn: true }).forEach(draw));
drawOpen();
