// Follows what moves: reads the same page again and takes over the parts marked `data-live`. Without it, reload.
"use strict";
const PAUSE = 2000;
const LONGEST = 30000;
let pause = PAUSE;

function takeOver(fresh) {
  if (document.body.dataset.state !== fresh.body.dataset.state) {
    if (!document.querySelector("form textarea") || !document.querySelector("form textarea").value) location.reload();
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other || part.innerHTML === other.innerHTML) continue;
    if (part.contains(document.activeElement) && document.activeElement !== document.body) continue;
    const open = [...part.querySelectorAll("details[open]")].map((each) => each.id);
    part.replaceChildren(...[...other.childNodes].map((node) => document.importNode(node, true)));
    for (const id of open) if (id) document.getElementById(id)?.setAttribute("open", "");
  }
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
      pause = PAUSE;
    } catch {
      pause = Math.min(pause * 2, LONGEST);
    }
  }
  setTimeout(look, pause);
}

setTimeout(look, pause);
