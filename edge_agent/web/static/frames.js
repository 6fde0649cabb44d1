// A line of JSON and the pictures behind it, as the box hands them on from a camera's worker.
const WAIT_MS = 20_000; // many pictures over a slow line; a box that is gone says nothing at all

export async function asked(path, body) {
  const wish = body && {
    method: "POST",
    headers: { "content-type": "application/json", "x-tillbeam-token": document.querySelector('meta[name="tillbeam-token"]').content },
    body: JSON.stringify(body),
  };
  const answer = await fetch(path, { ...wish, signal: AbortSignal.timeout(WAIT_MS) });
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const end = bytes.indexOf(10);
  const said = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  let at = end + 1;
  const pictures = (said.jpegs_bytes ?? []).map((size) => new Blob([bytes.subarray(at, (at += size))], { type: "image/jpeg" }));
  return { said, pictures };
}

// Draws a picture onto the canvas, in its own size.
export async function paint(canvas, picture) {
  const bitmap = await createImageBitmap(picture);
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.parentElement.style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
  }
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}
