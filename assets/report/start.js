// The page begins.

function followContents() {
  const links = new Map([...document.querySelectorAll(".contents a")].map((one) => [one.hash.slice(1), one]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const [name, link] of links) {
        if (name === target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const name of links.keys()) seen.observe(document.getElementById(name));
}

const told = document.getElementById("data");
if (told) {
  document.documentElement.classList.add("live");
  window.reportMap = new ReportMap(document.querySelector(".stage"), document.querySelector(".legend"), JSON.parse(told.textContent));
}
followContents();
