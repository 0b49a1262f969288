// Keys of the player that is open.

const OWN_ARROWS = "input, select, textarea";
const OWN_DIGITS = "input:not([type=range]), select, textarea"; // a fader needs the arrows only
const OWN_SPACE = `${OWN_DIGITS}, button, summary, a`;
const STEP = 5; // seconds

export function setUpKeyboard(current) {
  addEventListener("keydown", (event) => {
    const player = current();
    if (!player || event.ctrlKey || event.altKey || event.metaKey) return;
    const own = event.key === " " ? OWN_SPACE : event.key.startsWith("Arrow") ? OWN_ARROWS : OWN_DIGITS;
    if (event.target.closest?.(own)) return;
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
    if (event.key === " ") player.toggle();
    else if (event.key === "ArrowLeft") player.seekBy(-STEP);
    else if (event.key === "ArrowRight") player.seekBy(STEP);
    else if (digit === "0") player.toggleOriginal();
    else if (digit && event.shiftKey) player.toggleSolo(Number(digit) - 1);
    else if (digit) player.toggleMute(Number(digit) - 1);
    else return;
    event.preventDefault();
  });
}
