// The technician's page: the state, anew every two seconds.
import { failed, show } from "./page.js";

async function refresh() {
  try {
    const answer = await fetch("/edge/state");
    if (!answer.ok) throw new Error(answer.status);
    show(document.getElementById("state"), await answer.text());
  } catch {
    failed();
  }
  setTimeout(refresh, 2000);
}
setTimeout(refresh, 2000);
