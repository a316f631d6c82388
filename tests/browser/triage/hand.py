"""A hand on the keyboard of the desk, and what stands in the study afterwards."""

from explorer.study.decisions import Decisions

WHO = "Grace"
AS_GRACE = f"localStorage.setItem('explorer-name', '{WHO}')"
MARKUP = "<img src=x onerror=alert(1)>"


def doubted(study):
    """The queue by hand: another label is suggested, most suspicious first."""
    samples = study.samples
    found = samples[samples["label"] != samples["suggested_label"]]
    return found.sort_values("suspicion", ascending=False, kind="stable").index.tolist()


def in_hand(page) -> int:
    return int(page.locator(".sample").get_attribute("data-row"))


def press(page, *keys):
    """Each key once the sample has come that it is meant for."""
    for key in keys:
        page.wait_for_selector(".sample[data-row]")
        page.keyboard.press(key)


def wait_until_saved(page):
    page.wait_for_selector(".sending", state="hidden")


def wait_for_sample(page, row):
    page.wait_for_selector(f".sample[data-row='{row}']")


def stands(study) -> list[tuple]:
    return [(one.row, one.decision, one.new_label, one.who) for one in Decisions.open(study).current()]
