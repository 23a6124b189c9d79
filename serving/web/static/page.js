// What the pages need beyond htmx: theme, keys, pictures for the search, and messages.

const root = document.documentElement;
const part = (id) => document.getElementById(id);

// Theme

const system = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const toggle = part("theme");
const shown = () => {
  toggle.setAttribute("aria-pressed", String(dark()));
  document.dispatchEvent(new Event("themechange"));
};
toggle.hidden = false;
toggle.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // remembered for this page alone
  }
  shown();
});
system.addEventListener("change", shown);
shown();

// Keys: / goes to the search, arrows walk through lists of pictures

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input:not([type=range], [type=radio]), textarea, select");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    const field = document.querySelector("[data-slash]");
    if (field) field.focus();
    else location.assign("/search");
  }
  const list = event.target.closest("[data-arrows]");
  if (list && event.key.startsWith("Arrow")) walk(event, list);
});

function walk(event, list) {
  const items = [...list.children];
  const here = items.findIndex((item) => item.contains(event.target));
  const columns = items.filter((item) => item.offsetTop === items[0].offsetTop).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const next = items[here + step]?.querySelector("a, button");
  if (!next) return;
  event.preventDefault();
  next.focus();
}

// After a click the list is another: the focus stays where it was

let place = -1;
let from = null;
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  from = detail.elt.closest("#follow, #alike, #kept, #said")?.id ?? null;
  const card = detail.elt.closest(".card");
  place = card ? [...card.parentElement.children].indexOf(card) : -1;
  card?.classList.add("leaving");
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const sent = detail.requestConfig?.triggeringEvent?.type === "submit";
  if (detail.elt.id === "results" && sent && innerWidth < 960) detail.elt.scrollIntoView();
  if (detail.elt.id !== "feed") return;
  if (from) {
    const heading = part(from)?.querySelector("h2");
    (heading?.checkVisibility() ? heading : part("recommended")).focus({ preventScroll: true });
    from = null;
  }
  if (place < 0) return;
  const cards = part("feed").querySelectorAll(".card");
  const next = cards[Math.min(place, cards.length - 1)];
  (next?.querySelector(".face") ?? part("recommended")).focus({ preventScroll: true });
  place = -1;
});

// Messages: pages that say what went wrong are shown, all else in our words

const say = (text) => {
  const line = document.createElement("p");
  line.className = "wrong";
  line.textContent = text;
  part("said").replaceChildren(line);
};
const stay = () => document.querySelector(".leaving")?.classList.remove("leaving");
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status < 400) return;
  stay();
  if (detail.xhr.getResponseHeader("HX-Retarget")) detail.shouldSwap = true;
  else if (detail.xhr.status !== 401) say("That didn’t work. Try again in a moment.");
});
document.addEventListener("htmx:sendError", () => {
  stay();
  say("The server doesn’t answer. Try again in a moment.");
});

// Search: weights in figures, and a picture that is dropped, pasted or chosen

const form = part("search");
if (form) {
  const chooser = part("image");
  form.addEventListener("input", ({ target }) => {
    if (target.type === "range") target.parentElement.querySelector("output").value = target.value;
  });
  form.addEventListener("click", ({ target }) => {
    if (target.id === "unpicture") take(null);
  });
  // htmx listens on the form too: the picture that it sends must be the small one
  chooser.addEventListener("change", (event) => {
    event.stopPropagation();
    take(chooser.files[0] ?? null);
  });
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
    if (file) take(file);
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    form.classList.remove("dropping");
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  part("unpicture").hidden = !part("kept").value;

  async function take(file) {
    let small = null;
    try {
      small = file && (await smaller(file));
    } catch {
      say("This file is no picture that can be read.");
      return;
    }
    const files = new DataTransfer();
    if (small) files.items.add(small);
    chooser.files = files.files;
    part("kept").value = "";
    part("unpicture").hidden = !small;
    const preview = part("preview");
    if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
    preview.hidden = !small;
    if (small) preview.src = URL.createObjectURL(small);
    form.dispatchEvent(new Event("change"));
  }
}

/** A picture of 448 pixels at most: encoders look at fewer, and it is sent with every change. */
async function smaller(file) {
  const picture = await createImageBitmap(file);
  const share = Math.min(1, 448 / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.ceil(side * share));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
  const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.92 });
  return new File([blob], "picture", { type: blob.type });
}
