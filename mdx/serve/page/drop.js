// Songs that are dropped or chosen: files, and folders with all that is in them.

// What a folder is searched for, as `mdx separate` does.
const ENDINGS = `wav wave flac mp3 mp2 m4a m4b mp4 m4v mov aac ac3 eac3 dts ogg oga ogv opus spx webm mkv mka
  wma wmv asf avi aif aiff aifc au snd caf w64 rf64 bwf ape wv tta tak mpc amr 3gp mpg mpeg ts m2ts flv voc`;
const AUDIO = new Set(ENDINGS.split(/\s+/));
const SOURCES = ["bass", "drums", "other", "vocals"];

// `take` gets a list of { file, name, truth }, where truth has files of true stems by source.
export function setUpDrop(place, take) {
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    place.classList.toggle("dragged", depth > 0);
  };
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => isFiles(event) && mark(+1));
  addEventListener("dragleave", (event) => isFiles(event) && mark(-1));
  addEventListener("dragover", (event) => isFiles(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    take(songsOf(await filesOf(event.dataTransfer)));
  });
  for (const input of place.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      const files = [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
      take(songsOf(files, input.webkitdirectory));
      input.value = "";
    });
  }
}

// All files of a drop with their paths: entries have to be asked for before the event is over.
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  return (await Promise.all(entries.map(walk))).flat();
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    return file ? [{ file, path: entry.fullPath.replace(/^\//, "") }] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // it gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}

// A folder with a mixture and true stems, as MUSDB has them, is one song; other files are one each.
export function songsOf(files) {
  const folders = new Map();
  for (const it of files) {
    const parts = it.path.split("/");
    if (parts.some((part) => part.startsWith("."))) continue;
    const folder = parts.slice(0, -1).join("/");
    folders.set(folder, [...(folders.get(folder) ?? []), it]);
  }
  return [...folders].flatMap(([folder, content]) => {
    const mixture = folder && content.find((it) => /(^|\/)mixture\.\w+$/i.test(it.path));
    const truth = truthOf(content);
    if (mixture && Object.keys(truth).length) return [{ file: mixture.file, name: folder.split("/").at(-1), truth }];
    // A file that was picked by hand is tried whatever it is called.
    const songs = content.filter((it) => !folder || AUDIO.has(it.path.split(".").at(-1).toLowerCase()));
    return songs.map(({ file }) => ({ file, name: file.name, truth: {} }));
  });
}

export function truthOf(files) {
  const found = {};
  for (const { file, path } of files) {
    const name = path.split("/").at(-1).replace(/\.\w+$/, "").toLowerCase();
    if (SOURCES.includes(name)) found[name] = file;
  }
  return found;
}
