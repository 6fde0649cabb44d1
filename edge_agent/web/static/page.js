// What all the store's pages share: changes carry the page's token, fragments come ready-made in the reader's language.
const token = document.querySelector('meta[name="tillbeam-token"]').content;

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tillbeam-token": token },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw Object.assign(new Error(text), { status: answer.status });
  return text;
}

export function show(element, html) {
  element.innerHTML = html; // our own server's fragment; everything in it was escaped there
}

export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { place.hidden = true; }, 6000);
}

// What it said no longer holds.
export function hush() {
  document.getElementById("toast").hidden = true;
}

export function failed() {
  toast(document.getElementById("toast").dataset.failed);
}
