// Digits typed while a form is still on its way: they wait for its field, and would else go where the focus is.
export function typingAhead() {
  let held = null; // null: nothing is on its way

  document.addEventListener("keydown", (event) => {
    if (held === null || event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^[0-9.,]$/.test(event.key)) held += event.key;
    else if (event.key === "Backspace") held = held.slice(0, -1);
    else if (event.key !== "Enter") return; // what nobody has seen is not sent
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  return {
    hold() {
      held ??= "";
    },
    // What was typed since; from now on keys go where the focus is.
    release() {
      const typed = held ?? "";
      held = null;
      return typed;
    },
  };
}
