// The customer's screen: a greeting, and their own figures while they stand there.
const till = document.querySelector("main").dataset.till;
const events = new EventSource(`/till/events?till=${encodeURIComponent(till)}`);
events.addEventListener("face", (event) => { document.getElementById("face").innerHTML = event.data; });
