// Fills the page, and draws it anew when its width or its theme changes.

tellHeadline();
tellMembers();
tellCdf();
tellCauses();
tellSlow();
tellCosts();
tellCompared();
tellConfiguration();
drawCdf();
startTree();
startHeat(chooseTree);

function redraw() {
  drawCdf();
  if (!byId("heat-section").hidden) drawHeat();
  if (!byId("tree-item").parentElement.hidden) drawTree();
}

let waiting = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(redraw);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
