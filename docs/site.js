// A page that is opened from the disk may read no other file, so its search would find nothing: it is not shown there.
if (location.protocol === "file:") document.documentElement.classList.add("from-disk");

// What scrolls can be reached and scrolled by the keyboard.
function reachable() {
  for (const part of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code, .formula"))
    if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
}
addEventListener("load", reachable);

// The theme puts the same landmark at every block of code: each gets a name.
addEventListener("load", () => document.querySelectorAll(".md-code__nav").forEach((part, number) =>
  part.setAttribute("aria-label", `Code ${number + 1}`)));
addEventListener("resize", reachable);
