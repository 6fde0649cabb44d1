// Keys that were meant for what stood here a moment ago.
//
// When the page changes under somebody's hands, no Enter counts, and behind a PIN nothing that is typed, until the
// hands have been still for a moment: whoever types on without looking changes nothing, however long it takes.
const STILL_MS = 1000;

// `changed(waiting)` is told when it begins and ends, `dropped(key)` what was not taken.
export function stillness({ changed, dropped }) {
  let timer = 0; // 0: every key counts
  let nothing = false; // not even digits count

  function wait(also) {
    nothing = also || (nothing && timer !== 0);
    clearTimeout(timer);
    timer = setTimeout(end, STILL_MS);
    changed(true);
  }

  function end() {
    clearTimeout(timer);
    timer = 0;
    changed(false);
  }

  // Whether a key, or a touch that stands for it, counts; asked for each.
  function takes(key) {
    if (!timer) return true;
    wait(false);
    if (key !== "Enter" && !nothing) return true;
    dropped(key);
    return false;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === ";" || event.key === "%") {
      if (timer) end(); // a card in the keyboard's reader begins with these, and a PIN has none of them
    } else if ((event.key.length === 1 || ["Enter", "Backspace", "Delete"].includes(event.key)) && !takes(event.key)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  return { wait, takes };
}
