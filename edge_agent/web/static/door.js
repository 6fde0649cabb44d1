// The door to the cameras' pages: the technician's PIN, and leaving.
import { failed, post, toast } from "./page.js";

const form = document.getElementById("door");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await post("/edge/door", { pin: form.elements.pin.value });
    location.assign(form.dataset.to);
  } catch (error) {
    if (error instanceof TypeError) failed();
    else toast(error.message);
    form.elements.pin.select();
  }
});

document.getElementById("leave")?.addEventListener("click", async () => {
  try {
    await post("/edge/door/leave", {});
    location.assign("/edge");
  } catch {
    failed();
  }
});
