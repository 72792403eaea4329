// A job's progress: asks every second and reloads at its end.
(() => {
  const bar = document.getElementById("bar");
  if (!bar) return;
  const ask = async () => {
    try {
      const answer = await fetch(bar.dataset.state, {headers: {Accept: "application/json"}});
      const job = await answer.json();
      if (job.state !== "waiting" && job.state !== "running") return location.reload();
      bar.max = job.total || 1;
      bar.value = job.done;
      document.getElementById("done").textContent = job.done;
      document.getElementById("total").textContent = job.total;
    } catch { /* the next try will do */ }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 700);
})();
